internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// One thing that stands, or might stand, in the way of a session at a host.
public struct CheckFinding: Codable, Sendable {
    public enum Verdict: String, Codable, Sendable {
        /// Nothing in the way.
        case ok
        /// Not every host can take it.
        case limited
        /// This one cannot.
        case refused
    }

    /// `sound`.
    public var topic: String
    public var verdict: Verdict
    public var finding: String
    public var remedy: String?
}

extension Session {
    /// What the session needs of a host, as it is now, running here or suspended. With a `sound` also whether that sink
    /// of this host can play it.
    public func check(sound: SoundChoice?) throws -> [CheckFinding] {
        let streams = try playbackStreams()
        guard let sound else { return soundNeeds(streams) }
        return try soundNeeds(streams, at: SinkReport.ask(sound), mayDownmix: sound.downmix)
    }

    private struct Need {
        var program: String
        var channels: UInt32
        var channelMap: String
    }

    private func playbackStreams() throws -> [Need] {
        let folder = runtime.pod(store.name)
        let configurations: [(String, StreamConfiguration)]
        if let state = try PodRuntime.readState(folder), state.phase == .running {
            guard case .status(let status) = try BrokerClient(socket: folder.brokerControl).request(.status) else {
                return []
            }
            configurations = status.streams.map { ($0.program, $0.configuration) }
        } else {
            guard let manifest = try store.currentSession() else {
                throw Failure(
                    "check", "pod \(store.name)", "it neither runs here nor is it suspended",
                    remedy: "start it with: mediapod run")
            }
            configurations = manifest.sound.streams.map { ($0.program, $0.configuration) }
        }
        return configurations.filter { $0.1.direction == .playback }.map {
            Need(program: $0.0, channels: $0.1.channels, channelMap: $0.1.channelMap)
        }
    }

    private func soundNeeds(_ streams: [Need]) -> [CheckFinding] {
        let wide = streams.filter { $0.channels > 2 }
        guard !wide.isEmpty else {
            let what = streams.isEmpty ? "nothing plays" : "every host can play its \(streams.count) streams"
            return [CheckFinding(topic: "sound", verdict: .ok, finding: what)]
        }
        return wide.map {
            CheckFinding(
                topic: "sound", verdict: .limited,
                finding:
                    "\($0.program) plays \($0.channels) channels (\($0.channelMap)); a host with fewer refuses the session",
                remedy: "resume it there with --downmix")
        }
    }

    private func soundNeeds(_ streams: [Need], at sink: SinkReport.Place, mayDownmix: Bool) throws -> [CheckFinding] {
        let wide = streams.filter { $0.channels > max(2, UInt32(sink.channels)) }
        guard !wide.isEmpty else {
            return [CheckFinding(topic: "sound", verdict: .ok, finding: "\(sink.name) can play all of it")]
        }
        return wide.map {
            CheckFinding(
                topic: "sound", verdict: mayDownmix ? .limited : .refused,
                finding: """
                    \($0.program) needs \($0.channels) channels (\($0.channelMap)), and the sink \(sink.name) has \
                    \(sink.channels) (\(sink.channelMap))
                    """,
                remedy: mayDownmix
                    ? "it is mixed into those" : "mix it into those with --downmix, or choose another sink with --sound"
            )
        }
    }
}

/// What `podaudio sink` says of a sink.
private struct SinkReport: Decodable {
    struct Place: Decodable {
        var name: String
        var channels: Int
        var channelMap: String

        enum CodingKeys: String, CodingKey {
            case channelMap = "channel_map"
            case name, channels
        }
    }

    var sink: Place

    /// Asks as the user whose sound it is, like the broker does.
    static func ask(_ sound: SoundChoice) throws -> Place {
        let program = Executable.folder.appending("podaudio")
        do {
            let output = try Pipeline.output(
                of: Command(
                    program.string,
                    [
                        "sink", "--sound", sound.specification, "--format", "json", "--user",
                        "\(sound.userID):\(sound.groupID)",
                    ], name: "podaudio",
                    environment: Launch.plainEnvironment + sound.environment))
            return try JSONText.decode(SinkReport.self, from: output).sink
        } catch let failure as Failure {
            throw Failure(
                "check", "the sink \(sound.specification)", failure.reason, remedy: "choose another with --sound")
        }
    }
}
