internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import Session

struct History: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List the suspended sessions of a pod that are kept.",
        discussion: """
            `mediapod resume --at N` goes back to one of them, with the files of its moment; with --branch it becomes \
            another pod. How many are kept says `mediapod create`, `suspend` and `prune --keep N`.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let session = try pod.session()
        _ = try session.status()
        let sessions = try session.history()
        try output.show(
            sessions, empty: "pod \(pod.name) has never been suspended",
            columns: [
                "session", "suspended", "on host", "went on from", "needs", "memory", "stream", "files", "resumes",
            ]
        ) {
            [
                .number("\($0.number)"), .text(Age.text(since: $0.createdAt, now: Date())), .text($0.hostname),
                .number($0.parent.map { "\($0)" } ?? ""),
                .text($0.requires.map { "\($0)" }.joined(separator: ", ")),
                .number(byteText($0.imageBytes)), .number(byteText($0.streamBytes)), .number(byteText($0.layerBytes)),
                .text($0.isCurrent ? "yes" : ""),
            ]
        }
        guard output.format == .table else { return }
        let streams = sessions.reduce(0) { $0 + $1.streamBytes }
        print("in all \(byteText(streams)) of streams and \(byteText(try session.store.layerBytes())) of files")
        try Recover.remind(of: session.store.recoverableLayers(), pod: pod.name)
    }
}
