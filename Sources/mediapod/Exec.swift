internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Session

struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a program in a running pod.",
        discussion: """
            Its input, output and exit code are the program's; 125 when the engine failed, 126 when the program could not \
            be started, 127 when there is none of that name. The program is part of the session: if that is suspended, \
            exec says so and ends with 0.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var arguments: ProgramArguments

    @Flag(
        name: .shortAndLong,
        help: "Do not wait for the program: print its number, by which mediapod logs shows its output.")
    var detach = false

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("name a program after --") }
        if detach && arguments.tty { throw ValidationError("--detach and --tty exclude each other") }
    }

    func run() throws {
        let signals = try SignalDescriptor.forAttachedProgram()
        try ProgramExit.guarded(command[0], pod: pod.name) {
            let end = try pod.session().execute(
                arguments.program(command, detached: detach, main: false), signals: signals)
            try ProgramExit.end(end, pod: pod.name)
        }
    }
}
