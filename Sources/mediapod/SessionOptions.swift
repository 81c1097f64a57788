internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import Session

/// The pod that a command is about.
struct PodOptions: ParsableArguments {
    @Argument(help: "The pod.")
    var name: String

    @OptionGroup var deviceOptions: DeviceOptions

    /// - Parameter needsDevice: false for what is possible also when the device of a pod that runs here is gone.
    func session(needsDevice: Bool = true) throws -> Session {
        do {
            return Session(store: try deviceOptions.open().pod(name), runtime: .ofThisHost)
        } catch {
            guard !needsDevice, let session = Session.remembered(name, in: .ofThisHost, device: deviceOptions.named)
            else {
                throw error
            }
            return session
        }
    }
}

/// `--sound`
struct SoundOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the pod's sound goes: pulse[:SERVER][@SINK] (yours), alsa[:PCM], file:PATH.wav or null.",
            valueName: "where"))
    var sound: String?

    @Flag(help: "Mix sound of more channels than this host has into those that it has (ITU-R BS.775).")
    var downmix = false

    func choice() throws -> SoundChoice { try SoundChoice.onThisHost(sound, downmix: downmix) }
}

/// `--network`
struct NetworkOptions: ParsableArguments {
    @Option(
        help: """
            The pod's network to the outside: none, or user (out through this host, by user-mode networking). It stays \
            the pod's.
            """)
    var network: PodNetwork?
}

/// How a program is started; of `run` and `exec`.
struct ProgramArguments: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Give the program a terminal.")
    var tty = false

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Whom it runs as: a name in the pod, or UID[:GID].", valueName: "user"))
    var user: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("A variable of its environment.", valueName: "name=value"))
    var env: [String] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder it starts in.", valueName: "dir"))
    var workdir = "/"

    func validate() throws {
        if let wrong = env.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("--env wants NAME=value, not \(wrong)")
        }
        guard workdir.hasPrefix("/") else { throw ValidationError("--workdir wants an absolute path, not \(workdir)") }
    }

    func program(_ arguments: [String], detached: Bool, main: Bool) -> ProgramOptions {
        var options = ProgramOptions(arguments: arguments)
        options.environment = env
        options.workingDirectory = workdir
        options.user = user
        options.wantsTerminal = tty
        options.isDetached = detached
        options.isMain = main
        return options
    }
}

extension RuntimeFolder {
    static var ofThisHost: RuntimeFolder { RuntimeFolder(DeviceOptions.runtimeFolder) }
}

/// Exit codes of `run`, `exec` and `resume` besides the program's own.
enum ProgramExit {
    static let engine: Int32 = 125

    /// Ends this command as the program in the pod did.
    static func end(_ end: AttachedEnd, pod: String) throws {
        switch end {
        case .detached(let program): print(program)
        case .exited(let code): throw ExitCode(code)
        case .suspended(let program, let isMain):
            let remedy = isMain ? "" : "; where it is resumed, go on with: mediapod attach \(pod) \(program)"
            Terminal.say("pod \(pod) was suspended\(remedy)")
        }
    }

    /// Runs `body`; a failure ends the command with 125, or 126 and 127 when the program could not be started.
    static func guarded(_ program: String, pod: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as InitClientError {
            if let code = error.exitCode {
                Terminal.sayError("cannot run \(program) in pod \(pod): \(error)")
                throw ExitCode(code)
            }
            Terminal.sayError("pod \(pod): \(error)")
            throw ExitCode(engine)
        } catch let failure as Failure {
            Terminal.sayError("\(failure)")
            throw ExitCode(engine)
        }
    }
}
