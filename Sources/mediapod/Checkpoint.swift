internal import ArgumentParser
internal import Session

struct Checkpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Write a running pod to its device as it is now, and let it run on.",
        discussion: """
            It stands still only while its memory is copied within this host, and the files that it has written on the \
            device. When this ends with 0, the session is the one that the pod goes on from if this host crashes, and one \
            of those of history. When it fails, or is interrupted, there is no such session. What a program that is \
            attached writes in the moment when the pod goes on may be found in its logs only.
            """)

    @OptionGroup var arguments: SnapshotArguments

    func run() throws {
        try arguments.run { session, options, keep, observer in
            try session.checkpoint(options, keep: keep, observer)
        } times: { report in
            [("stood still", report.frozen ?? 0), ("dumped", report.dump)]
        }
    }
}
