internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Session

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Start a pod, and in it a program.",
        discussion: """
            The pod ends with the program, and run ends with its exit code; 125 when the pod could not be started, 126 \
            when the program could not, 127 when there is none of that name. Without a program (which needs --detach) \
            the pod stays until it is stopped. If the pod is suspended, run says so and ends with 0: the program goes on \
            where the session is resumed.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var sound: SoundOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var arguments: ProgramArguments

    @Flag(name: .shortAndLong, help: "Do not wait for the program.")
    var detach = false

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty && !detach {
            throw ValidationError("name a program after --, or keep the pod up without one by --detach")
        }
        if detach && arguments.tty { throw ValidationError("--detach and --tty exclude each other") }
    }

    func run() throws {
        let signals = try SignalDescriptor.forAttachedProgram()
        try ProgramExit.guarded(command.first ?? "nothing", pod: pod.name) {
            let session = try pod.session()
            try session.start(sound: try sound.choice(), network: network.network)
            guard !command.isEmpty else { return }
            let end: AttachedEnd
            do {
                end = try session.execute(
                    arguments.program(command, detached: detach, main: true), signals: signals)
            } catch {
                // Without its main program nobody would ever end it.
                _ = try? session.stop(graceSeconds: 0, discarding: false)
                throw error
            }
            if detach { return }
            // The pod ends with it: what it leaves on this host is gone when this command is.
            if case .exited = end { _ = session.waitUntilGone(milliseconds: 30_000) }
            try ProgramExit.end(end, pod: pod.name)
        }
    }
}
