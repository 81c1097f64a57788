public import Checkpoint
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// What a suspend did, and how long its parts took. ms
public struct SuspendReport: Codable, Sendable {
    public var session = 0
    /// Until every process stood still.
    public var freeze = 0.0
    /// Until every stream stood still at its exact position, and the pod had been let go.
    public var sound = 0.0
    public var dump = 0.0
    public var write = 0.0
    /// Until it was safe on the device.
    public var sync = 0.0
    /// Of a live checkpoint: from the first stream that stood still to the first process that went on.
    public var frozen: Double?
    /// Until the commit.
    public var total = 0.0
    /// After it: taking away what was on this host.
    public var cleanup = 0.0
    public var imageBytes: UInt64 = 0
    public var streamBytes: UInt64 = 0
    /// What a person should know of where the session can go, each in one line.
    public var warnings: [String] = []
    /// Sessions on the device that it is made of the blocks of.
    public var requires: [Int] = []

    enum CodingKeys: String, CodingKey {
        case session, requires
        case frozen = "frozen_ms"
        case freeze = "freeze_ms"
        case sound = "sound_ms"
        case dump = "dump_ms"
        case write = "write_ms"
        case sync = "sync_ms"
        case total = "total_ms"
        case cleanup = "cleanup_ms"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
        case warnings
    }
}

/// What a suspend may be told.
public struct SuspendOptions: Sendable {
    /// What the stream goes through; `nil` for what the session came through, or zstd.
    public var filters: [FilterChoice]?
    public var keys: Keys
    /// Writes all of it, whatever the device has already.
    public var isFull: Bool

    public init(filters: [FilterChoice]? = nil, keys: Keys = Keys(), isFull: Bool = false) {
        self.filters = filters
        self.keys = keys
        self.isFull = isFull
    }
}

extension Session {
    /// Suspends the pod to its device. It either happened when this returns, or did not when this throws: then the
    /// session runs on, and the device still holds the one before.
    ///
    /// - Parameter keep: how many sessions the pod keeps from now on, this one included.
    public func suspend(
        _ options: SuspendOptions = SuspendOptions(), keep: Int? = nil, _ observer: Observer = Observer()
    ) throws -> SuspendReport {
        var pod = try PodRuntime.open(store, in: runtime, to: "suspend")
        let state = try pod.requireRunning("suspend")
        let criu = try Criu.find()
        makeRoom(pod, observer)
        try requireSpace("suspend", pod)
        let target = try target("suspend", options, state, pod.folder)
        var report = SuspendReport()
        try Snapshot.attempt(.suspend, &pod, store, criu, target, observer) { snapshot, pod in
            try snapshot.take(&pod)
            let manifest = try snapshot.write(layers: state.layers)
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

    /// An encrypted session stays an encrypted one, unless something else was asked for.
    func target(
        _ verb: String, _ options: SuspendOptions, _ state: RuntimeState, _ folder: PodFolder
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
    func makeRoom(_ pod: borrowing PodRuntime, _ observer: Observer) {
        let memory = Cgroup(path: pod.folder.cgroupPath).memoryBytes ?? 0
        observer.stage("making room on the device")
        // Where that fails the session may still be smaller.
        try? store.device.makeRoom(memory / 2 + (64 << 20), progress: observer.bytes)
    }

    /// A device that is all but full cannot take any session: known before anything is stopped.
    func requireSpace(_ verb: String, _ pod: borrowing PodRuntime) throws {
        let free = try store.device.freeBytes()
        // The smallest session of a pod, one shell, is a few hundred kB.
        if free < 1 << 20 {
            throw Failure(
                verb, "pod \(store.name)", "the device is full (\(byteText(free)) free)",
                remedy: "free some space on \(store.device.place.string); the session runs on")
        }
    }
}
