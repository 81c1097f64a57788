internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Session

struct Attach: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Go on with a program that runs in a pod: see what it writes, and type to it.",
        discussion: """
            The main program, or the one with the number ID, which exec told. A terminal program, a shell say, that was \
            left by a suspend goes on where it was. Its exit code is attach's; 125 when the engine failed. If the pod is \
            suspended, attach says so and ends with 0.
            """)

    @OptionGroup var pod: PodOptions

    @Argument(help: "The program's number.")
    var id: UInt32?

    func run() throws {
        let signals = try SignalDescriptor.forAttachedProgram()
        try ProgramExit.guarded("the program", pod: pod.name) {
            let end = try pod.session(needsDevice: false).follow(id, signals: signals)
            try ProgramExit.end(end, pod: pod.name)
        }
    }
}
