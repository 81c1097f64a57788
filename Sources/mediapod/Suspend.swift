internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Session

struct Suspend: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Suspend a running pod to its device.",
        discussion: """
            When this ends with 0 the session is safe on the device and nothing of it is left on this host. When it \
            fails, or is interrupted, the session runs on.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Write all of the session, not what differs from the one that it was resumed from.")
    var full = false

    func run() throws {
        let progress = Progress()
        let report = try pod.session().suspend(
            SuspendOptions(filters: try filters.choices(), keys: passphrase.keys(), isFull: full),
            try progress.observer())
        progress.line.finish()
        try output.show(report) {
            [
                (
                    "session",
                    "\(report.session), \(byteText(report.streamBytes)) for \(byteText(report.imageBytes)) of memory"
                ),
                ("frozen", milliseconds(report.freeze)),
                ("sound held", milliseconds(report.sound)),
                ("dumped", milliseconds(report.dump)),
                ("written", milliseconds(report.write)),
                ("synced", milliseconds(report.sync)),
                ("in all", milliseconds(report.total)),
            ]
        }
        for warning in report.warnings { Terminal.say(warning) }
    }
}
