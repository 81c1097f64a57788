internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import Session

struct Checkpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a running pod to its device as it is now, and let it run on.",
        discussion: """
            It stands still only while its memory is copied within this host, and the files that it has written on the \
            device. When this ends with 0, the session is the one that the pod goes on from if this host crashes, and one \
            of those of history. When it fails, or is interrupted, there is no such session.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Write all of the session, not what differs from the one that it was resumed from.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "How many suspended sessions the pod keeps from now on, this one included; 5 if nothing was ever said.",
            valueName: "n"))
    var keep: Int?

    func validate() throws { try KeepOption.validate(keep) }

    func run() throws {
        let progress = Progress()
        let session = try pod.session()
        let observer = try progress.observer()
        let report = try session.checkpoint(
            SuspendOptions(filters: try filters.choices(), keys: passphrase.keys(), isFull: full), keep: keep, observer)
        progress.line.finish()
        try output.show(report) {
            [
                (
                    "session",
                    "\(report.session), \(byteText(report.streamBytes)) for \(byteText(report.imageBytes)) of memory"
                        + (report.requires.first.map { ", the rest is session \($0)'s" } ?? "")
                ),
                ("stood still", milliseconds(report.frozen ?? 0)),
                ("dumped", milliseconds(report.dump)),
                ("written", milliseconds(report.write)),
                ("synced", milliseconds(report.sync)),
                ("in all", milliseconds(report.total)),
            ]
        }
        for warning in report.warnings { Terminal.say(warning) }
        fflush(nil)
        Priority.lower()
        observer.stage("putting old sessions in order (the session is safe)")
        _ = session.tidy(isInterrupted: observer.isInterrupted)
        progress.line.finish()
    }
}
