internal import ArgumentParser
internal import CLI
internal import Checkpoint
internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import Session

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
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
    @OptionGroup var progressOptions: ProgressOptions

    @Option(
        help: ArgumentHelp(
            "Go back to a session that is kept (see mediapod history); it is the one that resumes from then on.",
            valueName: "n"))
    var at: Int?

    @Option(
        help: ArgumentHelp(
            "Make the session another pod, of this name, and resume that; this one stays as it is.", valueName: "name"))
    var branch: String?

    @Flag(
        help: """
            Also on a CPU that has not all that the session's programs may use: what uses it all the same ends (SIGILL).
            """)
    var anyCpu = false

    @Flag(name: .shortAndLong, help: "Do not wait for the pod's main program.")
    var detach = false

    func run() throws {
        let signals = detach ? nil : try SignalDescriptor.forAttachedProgram()
        let progress = Progress(progressOptions)
        let sound = try sound.choice()
        let observer = detach ? try progress.observer() : progress.observer(signals: signals)
        let (session, report) = try resume(pod.session(), sound, try keys.keys(), observer)
        progress.line.finish()
        for warning in report.warnings { Terminal.say(warning) }
        Recover.remind(of: report.recoverable, pod: session.store.name)
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
        let name = session.store.name
        guard let signals, try session.programs().contains(where: { $0.isMain && $0.status == nil }) else { return }
        try ProgramExit.guarded("the main program", pod: name) {
            let end = try session.follow(signals: signals)
            if case .exited = end { _ = session.waitUntilGone(milliseconds: 30_000) }
            try ProgramExit.end(end, pod: name)
        }
    }

    private func resume(
        _ session: Session, _ sound: SoundChoice, _ keys: Keys, _ observer: Observer
    ) throws -> (Session, ResumeReport) {
        let network = network.network
        guard let branch else {
            return (
                session,
                try session.resume(at: at, sound: sound, network: network, anyCPU: anyCpu, keys: keys, observer)
            )
        }
        observer.stage("making pod \(branch)")
        let new = try session.branch(at: at, named: branch)
        do {
            return (new, try new.resume(sound: sound, network: network, anyCPU: anyCpu, keys: keys, observer))
        } catch {
            // It was there for this only.
            try? new.remove()
            throw error
        }
    }
}
