internal import ArgumentParser
internal import CLI
internal import Glibc
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
        let report = try session.suspend(
            SuspendOptions(filters: try filters.choices(), keys: passphrase.keys(), isFull: full), keep: keep, observer)
        progress.line.finish()
        try show(report)
        // The session is safe, and the device may go. While it stays, what old sessions left on it is put in order, here
        // and not in a process of its own, which would keep the device from being unmounted.
        fflush(nil)
        Priority.lower()
        observer.stage("putting old sessions in order (the session is safe)")
        _ = session.tidy(isInterrupted: observer.isInterrupted)
        progress.line.finish()
    }

    private func show(_ report: SuspendReport) throws {
        try output.show(report) {
            [
                (
                    "session",
                    "\(report.session), \(byteText(report.streamBytes)) for \(byteText(report.imageBytes)) of memory"
                        + (report.requires.first.map { ", the rest is session \($0)'s" } ?? "")
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
