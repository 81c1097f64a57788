internal import ArgumentParser
internal import CLI
internal import Glibc

@main
enum Main {
    static func main() {
        // Once in every start and restore, and nothing that a command line's parser has to do with.
        switch CommandLine.arguments.dropFirst().first {
        case "_network": exit(NetworkHook.run())
        case "_supervise": exit(Supervise.run(Array(CommandLine.arguments.dropFirst(2))))
        default: Entry.run(MediaPod.self)
        }
    }
}

struct MediaPod: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mediapod",
        abstract: "A running multimedia desktop session in your pocket.",
        discussion: """
            A pod is a desktop session whose files and, when it is suspended, whose programs lie on a storage device: \
            suspend it on one host, resume it on another.

            Exit codes: 0 done; 1 could not be done, with one line that says why; 64 used wrongly. run and exec end \
            as the program does; with 125 when the engine failed, 126 when the program could not be started and 127 \
            when there is none of that name.
            """,
        subcommands: [
            DeviceCommand.self, Create.self, Run.self, Exec.self, Attach.self, Suspend.self, Checkpoint.self,
            Resume.self, Stop.self, History.self, Recover.self, Prune.self, Verify.self, Check.self, Processes.self,
            Logs.self, Copy.self, List.self, View.self, Inspect.self, Remove.self, Upgrade.self,
        ])
}
