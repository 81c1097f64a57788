internal import DeviceStore
internal import LinuxSystem
internal import Pod

extension Session {
    /// Writes the running pod to its device as it is now, and lets it run on: frozen only while its memory is dumped to this
    /// host's and the files that it has written are copied on the device, by reference where the file system can. The
    /// session is the one that resumes, should this host crash. When this throws there is no such session.
    ///
    /// - Parameter keep: how many sessions the pod keeps from now on, this one included.
    public func checkpoint(
        _ options: SnapshotOptions = SnapshotOptions(), keep: Int? = nil, _ observer: Observer = Observer()
    ) throws -> SnapshotReport {
        var report = SnapshotReport()
        let pod = try snapshot(.checkpoint, options, observer) { snapshot, pod in
            try snapshot.take(&pod)
            let copy = try snapshot.copyFiles()
            try snapshot.release(&pod)
            let manifest = try snapshot.write(layers: snapshot.layers.dropLast() + [copy])
            try snapshot.commit(manifest)
            snapshot.settle(&pod)
            report = snapshot.report
        }
        if let keep { try? store.setKeep(keep) }
        ImageFolder(folder: pod.folder).removeKeptLogs()
        return report
    }
}
