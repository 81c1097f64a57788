internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import Session

/// What `suspend` and `checkpoint` may be told, and what they do alike.
struct SnapshotArguments: ParsableArguments {
    @OptionGroup var pod: PodOptions
    @OptionGroup var filters: FilterOptions
    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var progressOptions: ProgressOptions

    @Flag(help: "Write all of the session, not what differs from the one that it was resumed from.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "How many sessions the pod keeps from now on, this one included; 5 if nothing was ever said.",
            valueName: "n"))
    var keep: Int?

    func validate() throws { try KeepOption.validate(keep) }

    typealias Take = (Session, SnapshotOptions, _ keep: Int?, Observer) throws -> SnapshotReport

    /// - Parameter times: what of the report is shown of how long it took.
    func run(_ take: Take, times: (SnapshotReport) -> [(String, Double)]) throws {
        let progress = Progress(progressOptions)
        let session = try pod.session()
        let observer = try progress.observer()
        let options = SnapshotOptions(filters: try filters.choices(), keys: passphrase.keys(), isFull: full)
        let report = try take(session, options, keep, observer)
        progress.line.finish()
        try show(report, times(report))
        // The session is safe, and the device may go. While it stays, what old sessions left on it is put in order, here
        // and not in a process of its own, which would keep the device from being unmounted.
        fflush(nil)
        Priority.lower()
        observer.stage("putting old sessions in order (the session is safe)")
        _ = session.tidy(isInterrupted: observer.isInterrupted)
        progress.line.finish()
    }

    private func show(_ report: SnapshotReport, _ times: [(String, Double)]) throws {
        try output.show(report) {
            [
                (
                    "session",
                    "\(report.session), \(byteText(report.streamBytes)) for \(byteText(report.imageBytes)) of memory"
                        + (report.requires.first.map { ", the rest is session \($0)'s" } ?? "")
                )
            ]
                + (times + [("written", report.write), ("synced", report.sync), ("in all", report.total)])
                .map { ($0, milliseconds($1)) }
        }
        for warning in report.warnings { Terminal.say(warning) }
    }
}
