internal import Checkpoint
internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import SystemPackage

extension Session {
    /// Takes a snapshot of the pod that runs, by `body`; gives the pod, of which nobody else has the lock. When it throws,
    /// nothing has happened to pod and device.
    func snapshot(
        _ purpose: Snapshot.Purpose, _ options: SnapshotOptions, _ observer: Observer,
        _ body: (inout Snapshot, inout PodRuntime) throws -> Void
    ) throws -> PodRuntime {
        let verb = purpose.rawValue
        var pod = try PodRuntime.open(store, in: runtime, to: verb)
        let state = try pod.requireRunning(verb)
        let criu = try Criu.find()
        makeRoom(pod, observer)
        try requireSpace(verb, pod)
        let target = try target(verb, options, state, pod.folder)
        try Snapshot.attempt(purpose, state, &pod, criu, target, observer, body)
        return pod
    }

    /// An encrypted session stays an encrypted one, unless something else was asked for.
    private func target(
        _ verb: String, _ options: SnapshotOptions, _ state: RuntimeState, _ folder: PodFolder
    ) throws -> Snapshot.Target {
        let filters: [FilterChoice]
        do {
            filters = try options.filters ?? (state.filters ?? [Filter.zstd.name]).map { try FilterChoice($0) }
            _ = try FilterTable.ofThisHost.chain(filters)
        } catch let failure as Failure {
            throw Snapshot.running(verb, failure, store)
        }
        // What another filter was meant to keep to itself must not be needed of the old stream.
        let isComparable = !options.isFull && state.filters == filters.map(\.description)
        return Snapshot.Target(
            filters: filters, keys: options.keys,
            full: isComparable ? fullSession(state, ImageFolder(folder: folder)) : nil)
    }

    /// What to compare with; `nil` where it is not, or no longer, on the device.
    private func fullSession(_ state: RuntimeState, _ images: ImageFolder) -> FullSession? {
        guard let known = state.fullSession, let manifest = try? store.manifest(ofSession: known.number),
            manifest.streamSHA256 == known.streamSHA256, manifest.requires.isEmpty,
            (try? Files.size(of: store.stateFile(ofSession: known.number))) == manifest.streamBytes
        else { return nil }
        return try? FullSession(manifest, of: store, blocks: images.blocks)
    }

    /// Where the device lies in an image that can grow, that is done while the pod still runs. Half its memory is what
    /// zstd leaves of most.
    private func makeRoom(_ pod: borrowing PodRuntime, _ observer: Observer) {
        let memory = Cgroup(path: pod.folder.cgroupPath).memoryBytes ?? 0
        observer.stage("making room on the device")
        // Where that fails the session may still be smaller.
        try? store.device.makeRoom(memory / 2 + (64 << 20), progress: observer.bytes)
    }

    /// A device that is all but full cannot take any session: known before anything is stopped.
    private func requireSpace(_ verb: String, _ pod: borrowing PodRuntime) throws {
        let free = try store.device.freeBytes()
        // The smallest session of a pod, one shell, is a few hundred kB.
        if free < 1 << 20 {
            throw Failure(
                verb, "pod \(store.name)", "the device is full (\(byteText(free)) free)",
                remedy: "free some space on \(store.device.place.string); the session runs on")
        }
    }
}
