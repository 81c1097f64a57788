internal import DeviceStore
internal import LinuxSystem
internal import Pod

extension Session {
    /// Suspends the pod to its device. It either happened when this returns, or did not when this throws: then the
    /// session runs on, and the device still holds the one before.
    ///
    /// - Parameter keep: how many sessions the pod keeps from now on, this one included.
    public func suspend(
        _ options: SnapshotOptions = SnapshotOptions(), keep: Int? = nil, _ observer: Observer = Observer()
    ) throws -> SnapshotReport {
        var report = SnapshotReport()
        var pod = try snapshot(.suspend, options, observer) { snapshot, pod in
            try snapshot.take(&pod)
            let manifest = try snapshot.write(layers: snapshot.layers)
            try snapshot.commit(manifest)
            report = snapshot.report
        }
        // It has happened. What cannot be taken away now, the next command takes away.
        observer.stage("cleaning up")
        var watch = Stopwatch()
        try Teardown.run(pod, connections: .reset)
        try pod.forget()
        if let keep { try? store.setKeep(keep) }
        ImageFolder(folder: pod.folder).removeKeptLogs()
        report.cleanup = watch.lap()
        return report
    }
}
