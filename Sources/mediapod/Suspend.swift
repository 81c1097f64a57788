internal import ArgumentParser
internal import Session

struct Suspend: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suspend",
        abstract: "Suspend a running pod to its device.",
        discussion: """
            When this ends with 0 the session is safe on the device and nothing of it is left on this host. When it \
            fails, or is interrupted, the session runs on.
            """)

    @OptionGroup var arguments: SnapshotArguments

    func run() throws {
        try arguments.run { session, options, keep, observer in
            try session.suspend(options, keep: keep, observer)
        } times: { report in
            [
                ("prepared", report.prepare), ("sound held", report.sound), ("frozen", report.freeze),
                ("dumped", report.dump),
            ]
        }
    }
}
