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
        try requireSpace(pod)
        let images = ImageFolder(folder: pod.folder)
        let target = try target(options, state, images)
        let begin = { [store] folder, isLast in
            Suspend(state, criu, folder, store, target, observer, isLastAttempt: isLast)
        }
        var suspend = begin(pod.folder, false)
        var pauses = Self.pauses[...]
        while true {
            do {
                try suspend.write(&pod)
                break
            } catch {
                let isPassing = suspend.isPassing(error) && !observer.isInterrupted()
                let reason = suspend.explain(error)
                Thaw.run(pod.folder, state)
                try? pod.save(state)
                guard isPassing, let pause = pauses.popFirst() else { throw reason }
                usleep(pause)
                suspend = begin(pod.folder, pauses.isEmpty)
            }
        }
        // It has happened. What cannot be taken away now, the next command takes away.
        observer.stage("cleaning up")
        var watch = Stopwatch()
        try Teardown.run(pod, connections: .reset)
        try pod.forget()
        if let keep { try? store.setKeep(keep) }
        images.removeKeptLogs()
        suspend.report.cleanup = watch.lap()
        return suspend.report
    }

    /// Between attempts, µs: what is in the way of a dump only for a moment, a server that is just starting, say, is
    /// over soon.
    private static let pauses: [UInt32] = [50_000, 100_000, 200_000, 400_000]

    /// An encrypted session stays an encrypted one, unless something else was asked for.
    private func target(
        _ options: SuspendOptions, _ state: RuntimeState, _ images: ImageFolder
    ) throws -> Suspend.Target {
        let filters: [FilterChoice]
        do {
            filters = try options.filters ?? (state.filters ?? [Filter.zstd.name]).map { try FilterChoice($0) }
            _ = try FilterTable.ofThisHost.chain(filters)
        } catch let failure as Failure {
            throw Suspend.running(failure, store)
        }
        // What another filter was meant to keep to itself must not be needed of the old stream.
        let isComparable = !options.isFull && state.filters == filters.map(\.description)
        return Suspend.Target(
            filters: filters, keys: options.keys, full: isComparable ? fullSession(state, images) : nil)
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
    private func requireSpace(_ pod: borrowing PodRuntime) throws {
        let free = try store.device.freeBytes()
        // The smallest session of a pod, one shell, is a few hundred kB.
        if free < 1 << 20 {
            throw Failure(
                "suspend", "pod \(store.name)", "the device is full (\(byteText(free)) free)",
                remedy: "free some space on \(store.device.place.string); the session runs on")
        }
    }
}

/// One suspend, up to its commit.
private struct Suspend {
    /// What is written, and how.
    struct Target {
        var filters: [FilterChoice]
        var keys: Keys
        var full: FullSession?
    }

    var report = SuspendReport()
    private var state: RuntimeState
    private let criu: Criu
    private let folder: PodFolder
    private let store: PodStore
    private let target: Target
    private let observer: Observer
    private let images: ImageFolder
    private let cgroup: Cgroup
    private let isLastAttempt: Bool
    private var watch = Stopwatch()

    init(
        _ state: RuntimeState, _ criu: Criu, _ folder: PodFolder, _ store: PodStore, _ target: Target,
        _ observer: Observer, isLastAttempt: Bool
    ) {
        self.isLastAttempt = isLastAttempt
        self.state = state
        self.criu = criu
        self.folder = folder
        self.store = store
        self.target = target
        self.observer = observer
        images = ImageFolder(folder: folder)
        cgroup = Cgroup(path: folder.cgroupPath)
    }

    mutating func write(_ pod: inout PodRuntime) throws {
        let writer = try store.beginSession()
        observer.stage("starting the filters")
        let stream = try StreamWriter(
            to: writer, through: target.filters, keys: target.keys, against: target.full)
        try stream.waitUntilReady()
        state.phase = .suspending
        state.writingSession = writer.number
        try pod.save(state)
        report.session = writer.number

        observer.stage("freezing the pod")
        let sound = Sound(state.broker, folder, state.soundPolicy)
        // Before the freeze: a program that is frozen while its sound plays on runs dry, and would find an xrun.
        try sound.hold()
        report.sound = watch.lap()
        try cgroup.freeze()
        report.freeze = watch.lap()
        // What the frozen pod has written goes to the device while the rest is done.
        let layer = store.layerFolder(state.layers.last ?? 0)
        let sync = Background {
            try attempt("write", "the pod's files") { () throws(Errno) in try Files.syncFileSystem(at: layer) }
        }
        let mapped = Background { [cgroup] in MappedFiles.list(in: cgroup) }
        let running = Background { [cgroup] in ProgramStart.all(in: cgroup) }
        AttachedPrograms(folder: folder).release()
        let records = try sound.detach()
        report.sound += watch.lap()
        try stopIfInterrupted()

        observer.stage("dumping memory")
        try images.mount()
        let scan = stream.scan(images.dump)
        guard let initProcess = state.initProcess else { throw Failure("suspend", "pod \(store.name)", "it has ended") }
        var frozen = Criu.FrozenPod(
            folder, initProcess: initProcess, uidBase: state.uidBase, uidCount: state.uidCount)
        frozen.leavesOutUnaccepted = isLastAttempt
        let hasNewNames = try criu.dump(frozen, to: images.forCriu, keeping: pod.lock.descriptor)
        report.dump = watch.lap()
        try stopIfInterrupted()

        observer.stage("writing the session")
        var manifest = try manifest(writer.number, records, try mapped.value())
        let origins = ProgramOrigin.update(
            state.origins ?? [], running: try running.value(), on: .current,
            baseline: try store.configuration().cpuBaseline)
        report.warnings = Preflight.portability(of: origins, notable: .v4).warnings
        manifest.origins = origins
        manifest.registersInUse = try RegistersInUse.inImages(images.dump)
        manifest = try stream.write(
            images.dump, scan: scan, manifest: manifest, check: stopIfInterrupted, progress: observer.bytes)
        report.imageBytes = manifest.imageBytes
        report.streamBytes = manifest.streamBytes
        report.requires = manifest.requires
        report.write = watch.lap()
        try stopIfInterrupted()

        observer.stage("syncing the device")
        try sync.value()
        if hasNewNames {
            try attempt("write", "the pod's files") { () throws(Errno) in try Files.syncFileSystem(at: layer) }
        }
        try writer.commit(manifest)
        report.sync = watch.lap()
        report.total = watch.total
    }

    /// As far as it is known before the stream is written.
    private func manifest(
        _ number: Int, _ records: SoundRecords, _ mappedFiles: [String]
    ) throws -> SessionManifest {
        SessionManifest(
            number: number, hostname: Host.name, kernel: Host.kernel, criuVersion: try criu.version(),
            base: try store.configuration().base, layers: state.layers, filters: [], imageBytes: 0, streamBytes: 0,
            streamSHA256: "", sound: records, mappedFiles: mappedFiles, hasNetwork: state.network != nil)
    }

    private func stopIfInterrupted() throws {
        if observer.isInterrupted() { throw Failure("the suspend", "interrupted") }
    }

    /// Whether the dump failed of something that is usually over in a moment.
    func isPassing(_ error: any Error) -> Bool {
        guard error is Criu.Problem, let reason = CriuLog.reason(in: images.dumpLog) else { return false }
        return Self.passing.contains { reason.contains($0) }
    }

    private static let passing = [
        // A connection whose server has not accepted it yet, but for which something was written already.
        "write queue on an in-flight socket", "closed in-flight socket",
        // The same of TCP, written for or not. The last attempt leaves those out.
        "In-flight connection",
        // Something unread that says who has sent it, in a socket whose owner wants to know (SO_PASSCRED).
        "Control messages in queue",
        // News of interfaces or devices that its program has not read yet.
        "netlink: The socket has data to read",
    ]

    /// A failure that did nothing to the session.
    static func running(_ failure: Failure, _ store: PodStore) -> Failure {
        let reason = failure.subject.isEmpty ? failure.reason : "\(failure.subject): \(failure.reason)"
        let remedy = (failure.remedy.map { "\($0); " } ?? "") + "the session runs on"
        return Failure("suspend", "pod \(store.name)", reason, remedy: remedy, cause: failure.cause)
    }

    /// The failure as the user reads it; before the images, and CRIU's log with them, are gone.
    func explain(_ error: any Error) -> Failure {
        let subject = "pod \(store.name)"
        if error is Obstacle {
            return Failure("suspend", subject, "\(error)", remedy: "the session runs on")
        }
        guard error is Criu.Problem else {
            return Self.running(error as? Failure ?? Failure(sentence: "\(error)"), store)
        }
        let reason = CriuLog.reason(in: images.dumpLog) ?? "\(error)"
        let process = CriuLog.process(in: images.dumpLog).flatMap { number in
            PodProcess.list(in: cgroup, uidBase: state.uidBase, uidCount: state.uidCount)
                .first { $0.hostPID == number }
        }.map { "process \($0.pid) (\($0.command))" }
        let text =
            CriuLog.explanation(of: reason).map { "\(process ?? "a process") \($0), which CRIU cannot dump: \(reason)" }
            ?? "CRIU: \(process.map { "\($0): " } ?? "")\(reason)"
        let log = images.keep(images.dumpLog, as: "dump.log")
        let place = log.map { "the full log is \($0.string); " } ?? ""
        return Failure("suspend", subject, text, remedy: "\(place)the session runs on")
    }
}

/// The broker's part in a suspend.
private struct Sound {
    private let client: BrokerClient
    private let process: ProcessIdentity?
    private let policy: SoundPolicy
    private let memory: FilePath

    init(_ process: ProcessIdentity?, _ folder: PodFolder, _ policy: SoundPolicy) {
        self.process = process
        memory = folder.brokerMemory
        self.policy = policy
        client = BrokerClient(socket: folder.brokerControl)
    }

    /// It has died, and none has taken its place yet: the streams stand where it last said so, in the pod's memory, and
    /// what it was told is on this host.
    private var withoutBroker: SoundRecords {
        let said = BrokerMemory.read(memory)
        return SoundRecords(policy: said?.policy ?? policy, mixer: said?.mixer ?? MixerState(), streams: [])
    }

    func hold() throws {
        guard process?.isAlive == true else { return }
        do {
            _ = try client.request(.hold)
        } catch BrokerClient.Problem.unreachable {
            // It has just died, and its streams stand where it last said so, in the pod's memory.
        }
    }

    func detach() throws -> SoundRecords {
        guard process?.isAlive == true else { return withoutBroker }
        do {
            if case .records(let records) = try client.request(.detach) { return records }
            throw BrokerClient.Problem.garbled
        } catch BrokerClient.Problem.unreachable {
            return withoutBroker
        }
    }
}
