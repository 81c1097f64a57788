internal import Glibc
internal import SystemPackage
internal import DeviceStore
public import LinuxSystem
public import Pod

/// What a program is to be started with.
public struct ProgramOptions: Sendable {
    public var arguments: [String]
    /// `NAME=value`, over the pod's own.
    public var environment: [String] = []
    public var workingDirectory = "/"
    /// A name in the pod, or UID[:GID]; root without.
    public var user: String?
    public var wantsTerminal = false
    public var isDetached = false
    /// The pod ends with it.
    public var isMain = false

    public init(arguments: [String]) { self.arguments = arguments }

    func command(_ configuration: PodConfiguration) -> InitCommand {
        var command = InitCommand(arguments)
        var variables = [PodSpec.searchPath, "LANG=C.UTF-8"] + configuration.programEnvironment
        if wantsTerminal {
            let name = getenv("TERM").map { String(cString: $0) } ?? "xterm"
            variables.append("TERM=\(name)")
            command.terminal =
                TerminalMode.size(of: 0).map { .init(rows: $0.rows, columns: $0.columns) }
                ?? .init(rows: 24, columns: 80)
        }
        command.environment = Self.lastOfEach(variables + environment)
        command.workingDirectory = workingDirectory
        command.isMain = isMain
        command.isDetached = isDetached
        command.hasStdin = !isDetached
        if let user {
            let ids = user.split(separator: ":", maxSplits: 1).map { UInt32($0) }
            if let uid = ids[0], ids.count == 1 || ids[1] != nil {
                command.user = .ids(uid: uid, gid: (ids.count > 1 ? ids[1] : nil) ?? uid)
            } else {
                command.user = .name(user)
            }
        }
        return command
    }

    /// A name that is given twice counts as it is given last.
    private static func lastOfEach(_ variables: [String]) -> [String] {
        var seen: Set<Substring> = []
        return variables.reversed().filter { seen.insert($0.prefix { $0 != "=" }).inserted }.reversed()
    }
}

/// How an attached program ended for the one who was attached.
public enum AttachedEnd: Sendable {
    /// Nobody is attached: it runs, under this number.
    case detached(UInt32)
    case exited(Int32)
    /// The pod is being suspended; the program goes on, under its number, where the session is resumed.
    case suspended(UInt32, isMain: Bool)
}

extension Session {
    /// Starts a program in the running pod. Unless it is detached, carries its input and output until its end.
    ///
    /// - Parameter signals: made by the caller before any other thread was.
    public func execute(_ options: ProgramOptions, signals: SignalDescriptor) throws -> AttachedEnd {
        let attached = AttachedPrograms(folder: runtime.pod(store.name))
        defer { attached.unregister() }
        var client = try connect(to: "run a program in", options.isDetached ? nil : attached)
        let started = try client.start(options.command(try store.configuration()))
        if options.isDetached { return .detached(started.program) }
        return try carry(started, client, attached, signals)
    }

    /// Carries the input and output of a program of the pod, from now on, until its end.
    ///
    /// - Parameter program: its number; `nil` for the main one.
    public func follow(_ program: UInt32? = nil, signals: SignalDescriptor) throws -> AttachedEnd {
        let attached = AttachedPrograms(folder: runtime.pod(store.name))
        defer { attached.unregister() }
        var client = try connect(to: "follow", attached)
        let known = try client.list()
        guard known.contains(where: { program == nil ? $0.isMain : $0.program == program }) else {
            let running = known.filter { $0.status == nil }
            let names = running.map { "\($0.program) (\($0.arguments.first ?? ""))" }.joined(separator: ", ")
            throw Failure(
                "pod \(store.name)", program.map { "no program \($0) runs in it" } ?? "it has no main program",
                remedy: running.isEmpty ? nil : "name one of \(names)")
        }
        let started = try client.attach(to: program ?? InitClient.main, takingStdin: true)
        return try carry(started, client, attached, signals)
    }

    /// Also across live checkpoints, and suspends that did not happen.
    private func carry(
        _ program: InitStarted, _ client: consuming InitClient, _ attached: AttachedPrograms,
        _ signals: SignalDescriptor
    ) throws -> AttachedEnd {
        var end = try Carrier(program: program, signals: signals, interactive: program.hasTerminal).carry(&client)
        _ = consume client
        while case .suspended = end {
            attached.unregister()
            guard var again = try reconnect(attached, signals) else { break }
            let started = try again.attach(to: program.program, takingStdin: true)
            end = try Carrier(program: started, signals: signals, interactive: started.hasTerminal).carry(&again)
        }
        return end
    }

    /// When the pod goes on here; `nil` when it does not, or the user does not want to wait for it.
    private func reconnect(_ attached: AttachedPrograms, _ signals: SignalDescriptor) throws -> InitClient? {
        while let state = try PodRuntime.readState(attached.folder) {
            switch state.phase {
            case .checkpointing, .suspending:
                while let signal = signals.next() { if signal != SIGWINCH, signal != SIGUSR1 { return nil } }
                usleep(5000)
            case .running:
                // Without the pod's lock, which a checkpoint holds until it has written the session. Whoever stops the pod
                // next says so before he looks who is registered.
                try attached.register()
                if try PodRuntime.readState(attached.folder)?.phase == .running { return try root(state).connect() }
                attached.unregister()
            case .starting, .resuming, .stopped: return nil
            }
        }
        return nil
    }

    /// The pod's programs, as pod-init knows them.
    public func programs() throws -> [InitProgram] {
        var client = try connect(to: "list the programs of", nil)
        return try client.list()
    }

    /// Under the lock, so that a suspend sees everyone who is connected.
    private func connect(to verb: String, _ attached: AttachedPrograms?) throws -> InitClient {
        let pod = try PodRuntime.open(store, in: runtime, to: verb)
        let state = try pod.requireRunning(verb)
        try attached?.register()
        return try root(state).connect()
    }

    /// Waits until the pod, whose main program has ended, has left nothing on this host; false when it takes too long.
    public func waitUntilGone(milliseconds: Int) -> Bool {
        let folder = runtime.pod(store.name)
        return Wait.until(milliseconds: milliseconds) {
            guard let state = try? PodRuntime.readState(folder) else { return true }
            return state.phase == .stopped
        }
    }
}
