internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import LinuxSystem
internal import SoundControl
internal import SoundSinks
internal import SystemPackage

/// `podaudio move SINK`: a running pod's sound goes on at another sink.
struct MoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Let a running pod's sound go on at another sink, at the very next frame.",
        discussion: """
            When the new sink is not there, or cannot play what plays, everything stays as it is. The choice holds until \
            the pod is suspended or stopped. A bare name is a sink's of the sound server that plays now.
            """)

    @Argument(help: "The name of a sink, or pulse[:SERVER][@SINK], alsa[:PCM], file:PATH.wav or null.")
    var sink: String

    @Flag(help: "Mix sound of more channels than the sink has into those that it has (ITU-R BS.775).")
    var downmix = false

    @OptionGroup var pod: PodOptions

    func run() throws {
        var said = SinkSpec.isKind(sink) ? try parseSink(sink) : nil
        // The broker works in another folder.
        if case .file(let path) = said, path.isRelative {
            said = .file(FilePath(FileManager.default.currentDirectoryPath).pushing(path))
        }
        let (name, client) = try pod.runningBroker()
        let spec = try said ?? sibling(of: brokerStatus(client, .status, of: name).sink)
        _ = try ask(client, .move(sink: spec.description, downmix: downmix), of: name, remedy: nil)
    }

    /// The sink of the given name at the server where the pod's sound is now; at the caller's own when it is at none.
    private func sibling(of current: SinkStatus) throws -> SinkSpec {
        guard case .pulse(let server, _) = try SinkSpec(current.spec) else { return .pulse(server: nil, sink: sink) }
        return .pulse(server: server, sink: sink)
    }
}
