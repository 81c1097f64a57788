internal import Checkpoint
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// A session as it is at one moment, from the freeze to the commit: what a suspend and a live checkpoint do alike.
struct Snapshot {
    enum Purpose: String {
        case suspend, checkpoint

        fileprivate var phase: RuntimeState.Phase {
            switch self {
            case .suspend: .suspending
            case .checkpoint: .checkpointing
            }
        }
    }

    /// What is written, and how.
    struct Target {
        var filters: [FilterChoice]
        var keys: Keys
        var full: FullSession?
    }

    private(set) var report = SnapshotReport()
    /// The pod's, lowest first; it writes to the last one.
    var layers: [Int] { state.layers }
    private let purpose: Purpose
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
    private var writer: SessionWriter?
    private var stream: StreamWriter?
    private var scan: BlockScan?
    private var registers: Background<UInt64>?
    private var moment: Moment?
    /// Of the pod's files to `state.copiedLayer`, of a live checkpoint.
    private var copying: Background<Void>?
    /// Since the pod stood still; `nil` when it does not, or no longer.
    private var frozen: Stopwatch?

    private var stopped: Stopped?
    /// CRIU, which may still be at work.
    private var dumped: Criu.Dumped?

    /// What is being found of the pod as it stands still.
    private struct Stopped {
        var sound: SoundRecords
        var mapped: Background<[String]>
        var running: Background<Set<ProgramStart>>
        var sync: Background<Void>?
    }

    /// What was found of the pod when it stood still.
    private struct Moment {
        var sound: SoundRecords
        var mappedFiles: [String]
        var origins: [ProgramOrigin]
        /// Of its X server's screen, 0 without one.
        var displayVersion: UInt32
        /// Whether CRIU has given files other names.
        var hasNewNames: Bool
        var criuVersion: String
        /// Of the pod's files, on their way to the device; `nil` of a live checkpoint, whose files are a copy.
        var sync: Background<Void>?
    }

    /// Tries until it is done, or fails of what does not pass; the pod runs on then.
    static func attempt(
        _ purpose: Purpose, _ state: RuntimeState, _ pod: inout PodRuntime, _ criu: Criu, _ target: Target,
        _ observer: Observer, _ body: (inout Snapshot, inout PodRuntime) throws -> Void
    ) throws {
        var pauses = Self.pauses[...]
        while true {
            var snapshot = Snapshot(
                purpose, state, criu, pod.folder, pod.store, target, observer, isLastAttempt: pauses.isEmpty)
            do {
                return try body(&snapshot, &pod)
            } catch {
                let isPassing = snapshot.isPassing(error) && !observer.isInterrupted()
                let reason = snapshot.explain(error)
                snapshot.giveUp()
                try? pod.save(state)
                guard isPassing, let pause = pauses.popFirst() else { throw reason }
                usleep(pause)
            }
        }
    }

    /// Between attempts, µs: what is in the way of a dump only for a moment, a server that is just starting, say, is
    /// over soon.
    private static let pauses: [UInt32] = [50_000, 100_000, 200_000, 400_000]

    private init(
        _ purpose: Purpose, _ state: RuntimeState, _ criu: Criu, _ folder: PodFolder, _ store: PodStore,
        _ target: Target, _ observer: Observer, isLastAttempt: Bool
    ) {
        self.purpose = purpose
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

    /// Stops the pod and dumps it. It stands still then, and what CRIU made is in this host's memory.
    mutating func take(_ pod: inout PodRuntime) throws {
        guard let initProcess = state.initProcess else {
            throw Failure(purpose.rawValue, "pod \(store.name)", "it has ended")
        }
        let writer = try store.beginSession()
        self.writer = writer
        observer.stage("starting the filters")
        let stream = try StreamWriter(
            to: writer, through: target.filters, keys: target.keys, against: target.full)
        self.stream = stream
        state.phase = purpose.phase
        state.writingSession = writer.number
        try pod.save(state)
        report.session = writer.number

        try images.mount()
        // Beside CRIU, unless the pod waits for it.
        if purpose == .suspend { scan = stream.scan(images.dump) }
        var subject = Criu.DumpedPod(
            folder, initProcess: initProcess, uidBase: state.uidBase, uidCount: state.uidCount)
        subject.leavesOutWhatMayBeLost = isLastAttempt
        // The last attempt takes no chance that the pod becomes another one while CRIU gets ready.
        var begun: Criu.Dump?
        if !isLastAttempt { begun = try begin(subject, pod) }
        try stream.waitUntilReady()
        if purpose == .checkpoint {
            try makeLayerForCopy()
            try pod.save(state)
        }
        if isLastAttempt {
            try stop()
            begun = try begin(subject, pod)
        }
        guard let dump = begun.take() else { preconditionFailure("it has begun") }
        let dumped = try dump.perform { if !isLastAttempt { try stop() } }
        self.dumped = dumped
        report.dump = watch.lap()
        try stopIfInterrupted()

        guard let stopped else { preconditionFailure("the dump had it stopped") }
        let origins = ProgramOrigin.update(
            state.origins ?? [], running: try stopped.running.value(), on: .current,
            baseline: try store.configuration().cpuBaseline)
        let layer = store.layerFolder(state.layers.last ?? 0)
        moment = Moment(
            sound: stopped.sound, mappedFiles: try stopped.mapped.value(), origins: origins,
            displayVersion: Preflight.displayVersion(
                in: PodRoot(initProcess: initProcess, uidBase: state.uidBase)),
            hasNewNames: dumped.hasNewNames, criuVersion: dumped.version,
            sync: stopped.sync.map { sync in
                Background {
                    try sync.value()
                    if dumped.hasNewNames { try Self.sync(layer) }
                }
            })
        self.stopped = nil
        if purpose == .suspend { lookAtImages(stream) }
    }

    /// Begins with what is to be found out of them, when all are there.
    private mutating func lookAtImages(_ stream: StreamWriter?) {
        if scan == nil { scan = stream?.scan(images.dump) }
        scan?.end()
        registers = Background { [images] in try RegistersInUse.inImages(images.dump) }
    }

    private func begin(_ subject: Criu.DumpedPod, _ pod: borrowing PodRuntime) throws -> Criu.Dump {
        try Criu.Dump(of: subject, by: criu, to: images.forCriu, keeping: pod.lock.descriptor)
    }

    /// Every program stands still when this returns, and every stream, at its exact position.
    private mutating func stop() throws {
        report.prepare = watch.lap()
        observer.stage("freezing the pod")
        let sound = SnapshotSound(state, folder)
        // Before the freeze: a program that is frozen while its sound plays on runs dry, and would find an xrun.
        frozen = Stopwatch()
        try sound.hold()
        report.sound = watch.lap()
        try cgroup.freezeForDump { [cgroup, state] in
            PodProcess.list(in: cgroup, uidBase: state.uidBase, uidCount: state.uidCount)
        }
        report.freeze = watch.lap()
        // What the frozen pod has written goes to the device, or to its copy, while the rest is done.
        let layer = store.layerFolder(state.layers.last ?? 0)
        let sync = purpose == .suspend ? Background { try Self.sync(layer) } : nil
        copying = state.copiedLayer.map { copy in
            let to = store.layerFolder(copy)
            return Background { try Self.copyFiles(of: layer, to: to) }
        }
        let mapped = Background { [cgroup] in MappedFiles.list(in: cgroup) }
        let running = Background { [cgroup] in ProgramStart.all(in: cgroup) }
        AttachedPrograms(folder: folder).release()
        stopped = Stopped(sound: try sound.detach(), mapped: mapped, running: running, sync: sync)
        report.sound += watch.lap()
        try stopIfInterrupted()
        observer.stage("dumping memory")
    }

    private static func sync(_ layer: FilePath) throws {
        try LinuxSystem.attempt("write", "the pod's files") { () throws(Errno) in
            try Files.syncFileSystem(at: layer)
        }
    }

    /// Nobody's but the session's: should there be none, it goes.
    private mutating func makeLayerForCopy() throws {
        guard !layers.isEmpty else { throw Failure("copy", "the pod's files", "it has none") }
        state.copiedLayer = try store.newLayer(
            on: Array(layers.dropLast()), resuming: try store.currentSessionNumber(), isSealed: true)
    }

    /// Waits until what the pod has written, which still stands still, lies in a layer of its own; gives that.
    mutating func copyFiles() throws -> Int {
        guard let top = layers.last, let copy = state.copiedLayer, let copying, let moment else {
            preconditionFailure("nothing was taken")
        }
        observer.stage("copying the pod's files")
        let (from, to) = (store.layerFolder(top), store.layerFolder(copy))
        do {
            let copied = Result { try copying.value() }
            if moment.hasNewNames {
                // While it was copied CRIU gave files names, and took them away.
                try Files.removeTree(to.appending("upper"))
                try Self.copyFiles(of: from, to: to)
            } else {
                try copied.get()
            }
        } catch let failure as Failure {
            // cp(1) says what of the first file; there may be thousands.
            let isFull = failure.reason.contains("No space left on device")
            throw isFull ? Failure.writing("a copy of the pod's files", on: store.device, .noSpace) : failure
        }
        return copy
    }

    /// With owners, attributes, whiteouts, holes and links; by sharing the blocks where the file system can.
    private static func copyFiles(of layer: FilePath, to copy: FilePath) throws {
        let (from, to) = (layer.appending("upper").string, copy.appending("upper").string)
        _ = try Pipeline.output(of: Command("cp", ["-a", "-T", "--reflink=auto", from, to]))
    }

    /// The pod goes on, before what was dumped is on the device.
    mutating func release(_ pod: inout PodRuntime) throws {
        if dumped?.isAsItWas == true {
            Thaw.attachSound(folder, state)
            dumped?.waitUntilLetGo()
            try? cgroup.thaw()
        } else {
            try dumped?.finish()
            Thaw.letGo(folder, state)
        }
        report.frozen = frozen?.total ?? 0
        lookAtImages(stream)
        frozen = nil
        // Who comes next finds a pod that runs, and what is left of this one.
        state.phase = .running
        try pod.save(state)
        _ = watch.lap()
    }

    /// Writes it to the device.
    ///
    /// - Parameter layers: its files, lowest first.
    mutating func write(layers: [Int]) throws -> SessionManifest {
        guard let writer, let stream, let scan, let registers, let moment else {
            preconditionFailure("nothing was taken")
        }
        observer.stage("writing the session")
        var manifest = try manifest(writer.number, layers, moment)
        report.warnings = Preflight.portability(of: moment.origins, notable: .v4).warnings
        manifest.origins = moment.origins
        manifest.registersInUse = try registers.value()
        // Not this value's own method, which the writer would keep, and with it itself.
        let check = { [purpose, observer] in try Self.stop(purpose, ifInterrupted: observer) }
        manifest = try stream.write(
            images.dump, scan: scan, manifest: manifest, check: check, progress: observer.bytes)
        report.imageBytes = manifest.imageBytes
        report.streamBytes = manifest.streamBytes
        report.requires = manifest.requires
        report.write = watch.lap()
        try stopIfInterrupted()
        return manifest
    }

    /// It is the session that resumes when this returns.
    mutating func commit(_ manifest: SessionManifest) throws {
        observer.stage("syncing the device")
        try dumped?.finish()
        try moment?.sync?.value()
        if let copy = state.copiedLayer {
            let layer = store.layerFolder(copy)
            try LinuxSystem.attempt("write", "the copy of the pod's files") { () throws(Errno) in
                try Files.syncFileSystem(at: layer)
            }
        }
        try writer?.commit(manifest)
        report.sync = watch.lap()
        report.total = watch.total
    }

    /// After the commit of a checkpoint: what it needed on this host goes, or else the next command takes it away.
    mutating func settle(_ pod: inout PodRuntime) {
        images.unmount()
        state.writingSession = nil
        state.copiedLayer = nil
        try? pod.save(state)
    }

    /// Whatever it did to the pod and the device is undone.
    private mutating func giveUp() {
        // As long as CRIU holds the pod, nobody else can let it go on.
        try? dumped?.finish()
        if state.phase == .running {
            images.unmount()
        } else {
            Thaw.run(folder, state)
        }
        writer?.abandon()
        // Waits for it.
        copying = nil
        if let copy = state.copiedLayer { try? store.removeLayer(copy) }
    }

    /// As far as it is known before the stream is written.
    private func manifest(_ number: Int, _ layers: [Int], _ moment: Moment) throws -> SessionManifest {
        SessionManifest(
            number: number, hostname: Host.name, kernel: Host.kernel, criuVersion: moment.criuVersion,
            base: try store.configuration().base, layers: layers, filters: [], imageBytes: 0, streamBytes: 0,
            streamSHA256: "", sound: moment.sound, mappedFiles: moment.mappedFiles, hasNetwork: state.network != nil,
            displayVersion: moment.displayVersion)
    }

    private func stopIfInterrupted() throws { try Self.stop(purpose, ifInterrupted: observer) }

    private static func stop(_ purpose: Purpose, ifInterrupted observer: Observer) throws {
        if observer.isInterrupted() { throw Failure("the \(purpose.rawValue)", "interrupted") }
    }

    /// Whether the dump failed of something that is usually over in a moment.
    private func isPassing(_ error: any Error) -> Bool {
        if error is Criu.Outdated { return true }
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
        // News of interfaces or devices, or an answer, that its program has not read yet. The last attempt drops news.
        "netlink: The socket has data to read",
    ]

    /// A failure that did nothing to the session.
    static func running(_ verb: String, _ failure: Failure, _ store: PodStore) -> Failure {
        let reason = failure.subject.isEmpty ? failure.reason : "\(failure.subject): \(failure.reason)"
        let remedy = (failure.remedy.map { "\($0); " } ?? "") + "the session runs on"
        return Failure(verb, "pod \(store.name)", reason, remedy: remedy, cause: failure.cause)
    }

    /// The failure as the user reads it; before the images, and CRIU's log with them, are gone.
    private func explain(_ error: any Error) -> Failure {
        let subject = "pod \(store.name)"
        if error is Obstacle {
            return Failure(purpose.rawValue, subject, "\(error)", remedy: "the session runs on")
        }
        guard error is Criu.Problem else {
            return Self.running(purpose.rawValue, error as? Failure ?? Failure(sentence: "\(error)"), store)
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
        return Failure(purpose.rawValue, subject, text, remedy: "\(place)the session runs on")
    }
}
