internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import Session

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what a session needs of a host, and what of it this one has.",
        discussion: """
            Of a pod that runs here or is suspended: the kernel, CRIU, the CPU, memory, the network, files, space and \
            sound, with --sound whether that sink of this host can play what plays. Without a pod, whether this host can \
            have any. Each resume checks the same. Ends with 1 when this host would refuse the session.
            """)

    @Argument(help: "The pod.")
    var name: String?

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var sound: SoundOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if name == nil, sound.sound != nil {
            throw ValidationError("--sound goes with a pod, whose streams are to be played")
        }
    }

    func run() throws {
        let choice = try sound.sound == nil ? nil : sound.choice()
        let findings: [CheckFinding]
        if let name {
            let store = try deviceOptions.open().pod(name)
            findings = try Session(store: store, runtime: .ofThisHost).check(sound: choice)
        } else {
            findings = Preflight.host(try device())
        }
        try output.show(findings, empty: "nothing to check", columns: ["topic", "verdict", "finding", "remedy"]) {
            [.text($0.topic), .text($0.verdict.rawValue), .text($0.finding), .text($0.remedy ?? "")]
        }
        if findings.contains(where: { $0.verdict == .refused }) { throw ExitCode.failure }
    }

    /// The one that was named, else the one that this host knows, if any.
    private func device() throws -> Device? {
        deviceOptions.named != nil ? try deviceOptions.open() : try? deviceOptions.open()
    }
}
