internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Pod
internal import Session

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resume a pod's suspended session on this host.",
        discussion: """
            Every program goes on where it was. Unless it is detached, resume then shows the output of the pod's main \
            program and ends with its exit code (a pod without one resumes as with --detach). When the session cannot \
            be resumed, it stays on the device as it was; the exit code is 1.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var sound: SoundOptions
    @OptionGroup var network: NetworkOptions
    @OptionGroup var keys: KeyOptions
    @OptionGroup var output: OutputOptions

    @Flag(
        help: """
            Also on a CPU that has not all that the session's programs may use: what uses it all the same ends (SIGILL).
            """)
    var anyCpu = false

    @Flag(name: .shortAndLong, help: "Do not wait for the pod's main program.")
    var detach = false

    func run() throws {
        let signals = detach ? nil : try SignalDescriptor.forAttachedProgram()
        let progress = Progress()
        let session = try pod.session()
        let report = try session.resume(
            sound: try sound.choice(), network: network.network, anyCPU: anyCpu, keys: try keys.keys(),
            detach ? try progress.observer() : progress.observer(signals: signals))
        progress.line.finish()
        for warning in report.warnings { Terminal.say(warning) }
        // Followed, standard output is the program's.
        if detach || output.format == .json {
            try output.show(report) {
                [
                    ("session", "\(report.session), \(byteText(report.imageBytes)) of memory"),
                    ("prepared", milliseconds(report.prepare)),
                    ("read", milliseconds(report.read)),
                    ("waited for sound", milliseconds(report.sound)),
                    ("restored", milliseconds(report.restore)),
                    ("in all", milliseconds(report.total)),
                ]
            }
        }
        guard let signals, try session.programs().contains(where: { $0.isMain && $0.status == nil }) else { return }
        try ProgramExit.guarded("the main program", pod: pod.name) {
            let end = try session.follow(signals: signals)
            if case .exited = end { _ = session.waitUntilGone(milliseconds: 30_000) }
            try ProgramExit.end(end, pod: pod.name)
        }
    }
}
