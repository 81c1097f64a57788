import ArgumentParser

@main
struct PodAudio: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "podaudio",
        abstract: "The sound of MediaPod's pods: what plays, where it goes, and what programs may ask for.",
        subcommands: [BrokerCommand.self])
}
