internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Session

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a session needs of a host, before the old one is left.",
        discussion: """
            Of a pod that runs here or is suspended. With --sound also whether that sink of this host can play what plays. \
            Ends with 1 when this host would refuse the session.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var sound: SoundOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let choice = try sound.sound == nil ? nil : sound.choice()
        let findings = try pod.session().check(sound: choice)
        try output.show(findings, empty: "nothing to check", columns: ["topic", "verdict", "finding", "remedy"]) {
            [.text($0.topic), .text($0.verdict.rawValue), .text($0.finding), .text($0.remedy ?? "")]
        }
        if findings.contains(where: { $0.verdict == .refused }) { throw ExitCode.failure }
    }
}
