internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundDSP
internal import SoundSinks

/// `podaudio sink`: what a sink of this host has.
struct SinkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sink", abstract: "Show what a sink of this host has, without playing anything.")

    @OptionGroup var place: PlaceOptions
    @OptionGroup var output: OutputOptions

    @Option(help: .hidden)
    var user: String?

    private struct Answer: Encodable {
        struct Place: Encodable {
            var name: String
            var rate: UInt32
            var channels: Int
            var channelMap: String

            enum CodingKeys: String, CodingKey {
                case channelMap = "channel_map"
                case name, rate, channels
            }

            init(_ name: String, _ rate: UInt32, _ map: ChannelMap) {
                self.name = name
                self.rate = rate
                channels = map.channels
                channelMap = map.description
            }

            var text: String { "\(name): \(rate) Hz, \(channels) channels (\(channelMap))" }
        }

        var spec: String
        var sink: Place
        var source: Place?
    }

    func run() throws {
        let spec = try place.spec()
        if let user { try DesktopUser.become(user) }
        let host = try place.probe(spec)
        let answer = Answer(
            spec: spec.description, sink: .init(host.name, host.rate, host.channelMap),
            source: host.source.map { .init($0.name, $0.rate, $0.channelMap) })
        try output.show(answer) {
            [("sink", answer.sink.text), ("source", answer.source?.text ?? "none")]
        }
    }
}

/// `--sound`: a sink of this host.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The sink: pulse[:SERVER][@SINK] (yours), alsa[:PCM], file:PATH.wav or null.", valueName: "where"))
    var sound = "pulse"

    func spec() throws -> SinkSpec { try parseSink(sound) }

    func probe(_ spec: SinkSpec) throws -> SinkCapabilities {
        do {
            return try SinkProbe.capabilities(of: spec)
        } catch let failure as SinkFailure {
            throw Failure("the sink \(spec)", failure.reason, remedy: "choose another with --sound")
        }
    }
}

/// What the user named as a sink; used wrongly when there is no such kind.
func parseSink(_ text: String) throws -> SinkSpec {
    do { return try SinkSpec(text) } catch { throw ValidationError("\(error)") }
}
