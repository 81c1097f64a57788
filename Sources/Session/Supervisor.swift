public import DeviceStore
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import Pod
internal import SystemPackage

/// What a pod's supervisor does: starts the pod through runc or restores it through CRIU, then watches over it. Restarts the broker when it dies,
/// ends what is left when the pod's first process has ended, and puts things right when an engine was killed at work.
/// It may itself be killed at any time; the next command starts another.
public final class Supervisor {
    private let folder: PodFolder
    /// Opened when it is first needed, and held from then on.
    private lazy var store = open()
    private let open: () -> PodStore
    /// Where the pod reaches its broker, whichever that is.
    private let socket = OwnedDescriptor(adopting: SupervisorProcess.soundNumber)
    private var brokerBackoff = Backoff()
    private var networkBackoff = Backoff()

    /// How often it looks whether an engine was killed, or the state is another's. ms
    private static let pulse = 2000

    /// Of the process that `SupervisorProcess` starts.
    public init(of pod: String, in runtime: RuntimeFolder, open: @escaping () -> PodStore) {
        folder = runtime.pod(pod)
        self.open = open
    }

    /// What a new supervisor begins with.
    public enum Job: String, Sendable {
        case run, restore
    }

    /// Starts or restores the pod when it gets the word, then watches. Returns when there is nothing left to watch.
    public func startAndWatch(_ job: Job) throws {
        try Namespaces.becomeSubreaper()
        let engine = SupervisorProcess.Engine()
        if start(job, for: engine) { try watch() }
    }

    /// True when it runs. The engine is told.
    private func start(_ job: Job, for engine: borrowing SupervisorProcess.Engine) -> Bool {
        let lock = SupervisorProcess.lockNumber
        var isTold = false
        do {
            switch job {
            case .run:
                holdDevice()
                isTold = engine.waitForWord()
                guard isTold else { return false }
                let process = try Runc(folder: folder).run(keeping: lock)
                if let network = try network {
                    try UserNetwork.start(for: process.pid, in: folder, reaching: network).wait()
                }
                engine.answer(.success(process))
            case .restore:
                // Takes its time to start, which is there as long as the files are not.
                let restore = try Criu.Restore(of: folder, by: Criu.find(), keeping: lock)
                engine.tell(version: restore.version)
                holdDevice()
                isTold = engine.waitForWord()
                guard isTold else { return false }
                let images = ImageFolder(folder: folder)
                // Before CRIU is waited for, which is done but not gone.
                guard let state = try PodRuntime.readState(folder) else { return false }
                engine.answer(
                    .success(
                        try restore.perform(
                            from: images.forCriu, users: (state.uidBase, state.uidCount), network: state.network)))
            }
            return true
        } catch {
            // Whoever restores asks for CRIU's version first.
            if isTold || job == .restore || engine.waitForWord() { engine.answer(.failure(error)) }
            return false
        }
    }

    /// An image that it lies in stays mounted as long as somebody has it open.
    private func holdDevice() { _ = store }

    private var network: UserNetwork.Reach? {
        get throws { try PodRuntime.readState(folder)?.network }
    }

    /// Watches a pod until it has ended, or is another supervisor's.
    public func watch() throws {
        holdDevice()
        while let state = try PodRuntime.readState(folder), state.phase != .stopped {
            // Not written down yet, or no longer: whoever starts the pod holds the lock, and says in the end.
            let isOurs = state.supervisor == .current
            if let supervisor = state.supervisor, !isOurs, supervisor.isAlive, state.phase == .running { return }
            if isOurs, state.phase == .running {
                guard let process = state.initProcess, waitForNews(process, helpers(of: state)) else {
                    if try endIfEnded() { return }
                    continue
                }
            } else {
                usleep(100_000)
            }
            try attend()
        }
    }

    /// What is to run beside the pod; `nil` where it has never been started.
    private func helpers(of state: RuntimeState) -> [ProcessIdentity?] {
        [state.broker] + (state.network == nil ? [] : [UserNetwork.process(in: folder)])
    }

    /// Waits a moment for the end of the pod or one of its helpers; false when the pod's first process has ended.
    private func waitForNews(_ process: ProcessIdentity, _ helpers: [ProcessIdentity?]) -> Bool {
        guard let processEnd = process.open() else { return false }
        var ends = [processEnd.number]
        defer { for number in ends.dropFirst() { close(number) } }
        for helper in helpers {
            guard let end = helper?.open() else {
                // There is one to be started, but not in haste.
                return !Wait.readable(processEnd.number, milliseconds: 250)
            }
            ends.append(end.release())
        }
        return !Wait.first(of: ends, milliseconds: Self.pulse)[0]
    }

    /// Nobody else is at work and something is not as it should be: puts it right.
    private func attend() throws {
        guard let lock = try lockIfFree() else { return }
        var pod = try PodRuntime.adopting(
            lock, folder, store, to: "look after", repairing: false, needsDevice: false)
        guard let state = pod.state, state.phase != .stopped else { return }
        if state.phase != .running {
            log("an engine was killed while \(state.phase.rawValue); putting things right")
            return try Repair.run(&pod)
        }
        guard state.supervisor == .current else { return }
        if state.broker?.isAlive != true, brokerBackoff.isOver { try restartBroker(&pod, state) }
        if let reach = state.network, UserNetwork.process(in: folder)?.isAlive != true, networkBackoff.isOver {
            restartNetwork(state, reach)
        }
    }

    private func restartBroker(_ pod: inout PodRuntime, _ state: RuntimeState) throws {
        var new = state
        brokerBackoff.next()
        log("the sound broker has ended; starting another")
        do {
            let start = try Broker.start(state, in: folder, at: socket, records: nil, afterDeath: true) { process in
                new.broker = process
                try pod.save(new)
            }
            try start.wait()
            // It was fit to work: whatever ends it later, the next one is not to be waited for.
            brokerBackoff.forgive()
        } catch {
            // A broker whose sound server is gone goes on trying by itself; another is started when it ends.
            log("\(error)")
        }
    }

    /// The pod's interface is still there: what it had open ends with an error, and it can connect anew.
    private func restartNetwork(_ state: RuntimeState, _ reach: UserNetwork.Reach) {
        guard let process = state.initProcess else { return }
        if let ended = UserNetwork.process(in: folder) { _ = LaunchedProcess(adopting: ended).reap() }
        networkBackoff.next()
        log("slirp4netns has ended; starting another")
        do {
            try UserNetwork.start(for: process.pid, in: folder, reaching: reach).wait()
            networkBackoff.forgive()
            try UserNetwork.abortConnections(of: process.pid)
        } catch {
            log("\(error)")
        }
    }

    /// The pod's first process has ended: takes the rest away and records how. False when the state is another's.
    private func endIfEnded() throws -> Bool {
        guard let lock = try FileLock.take(folder.lock, withinMilliseconds: .max / 2_000_000, creating: false) else {
            return false
        }
        var pod = try PodRuntime.adopting(lock, folder, store, to: "end", repairing: false, needsDevice: false)
        guard let state = pod.state, state.phase == .running, let process = state.initProcess, !process.isAlive else {
            return pod.state?.supervisor != .current
        }
        let status = LaunchedProcess(adopting: process).reap()
        log("the pod's first process has ended: \(status.map { "\($0)" } ?? "nobody knows how")")
        try CleanEnd.record(&pod, status: status, supervisor: false)
        return true
    }

    private func lockIfFree() throws -> FileLock? {
        do {
            return try FileLock.take(folder.lock, withinMilliseconds: 0, creating: false)
        } catch Errno.noSuchFileOrDirectory {
            return nil
        }
    }

    private func log(_ text: String) {
        let line = Array("\(Date().formatted(.iso8601)) \(Failure.oneLine(text))\n".utf8)
        _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}

/// Longer and longer pauses for what ends again and again; from the beginning after a good while.
private struct Backoff {
    private var last: UInt64 = 0
    private var pause: UInt64 = 0

    private static let shortest: UInt64 = 250_000_000
    private static let longest: UInt64 = 30_000_000_000
    private static let forgiven: UInt64 = 60_000_000_000

    var isOver: Bool { MonotonicClock.nanoseconds >= last &+ pause }

    mutating func forgive() { pause = 0 }

    mutating func next() {
        let now = MonotonicClock.nanoseconds
        pause =
            last == 0 || now - last > Self.forgiven ? Self.shortest : min(max(pause, Self.shortest) &* 2, Self.longest)
        last = now
    }
}
