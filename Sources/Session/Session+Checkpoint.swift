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
        _ options: SuspendOptions = SuspendOptions(), keep: Int? = nil, _ observer: Observer = Observer()
    ) throws -> SuspendReport {
        var pod = try PodRuntime.open(store, in: runtime, to: "checkpoint")
        let state = try pod.requireRunning("checkpoint")
        let criu = try Criu.find()
        makeRoom(pod, observer)
        try requireSpace("checkpoint", pod)
        let target = try target("checkpoint", options, state, pod.folder)
        var report = SuspendReport()
        try Snapshot.attempt(.checkpoint, &pod, store, criu, target, observer) { snapshot, pod in
            try snapshot.take(&pod)
            let copy = try snapshot.copyFiles(&pod)
            try snapshot.release(&pod)
            let manifest = try snapshot.write(layers: state.layers.dropLast() + [copy])
            try snapshot.commit(manifest)
            report = snapshot.report
        }
        let images = ImageFolder(folder: pod.folder)
        images.unmount()
        try pod.save(state)
        if let keep { try? store.setKeep(keep) }
        images.removeKeptLogs()
        return report
    }
}
