internal import ArgumentParser
internal import CLI

@main
enum Main {
    static func main() {
        Entry.run(PodAudio.self)
    }
}

struct PodAudio: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "podaudio",
        abstract: "The sound of MediaPod's pods: what plays, where it goes, and what programs may ask for.",
        subcommands: [
            StatusCommand.self, StreamsCommand.self, MonitorCommand.self, VolumeCommand.self, MuteCommand.self,
            PolicyCommand.self, MoveCommand.self, RecordCommand.self, PlayCommand.self, SinkCommand.self,
            RestartCommand.self, BrokerCommand.self,
        ])
}
