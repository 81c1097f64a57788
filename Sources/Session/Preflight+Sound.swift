internal import LinuxSystem
internal import SystemPackage

extension Preflight {
    /// A playback stream of a session.
    struct Stream {
        var program: String
        var channels: UInt32
        var channelMap: String
    }

    /// - Parameter sink: one of this host; without, what any host needs.
    static func sound(_ streams: [Stream], at sink: SoundChoice?) throws -> [CheckFinding] {
        guard let sink else { return needs(of: streams) }
        return try needs(of: streams, at: SinkReport.ask(sink), mayDownmix: sink.downmix)
    }

    private static func needs(of streams: [Stream]) -> [CheckFinding] {
        let wide = streams.filter { $0.channels > 2 }
        guard !wide.isEmpty else {
            let what = streams.isEmpty ? "nothing plays" : "every host can play its \(streams.count) streams"
            return [CheckFinding("sound", .ok, what)]
        }
        return wide.map {
            CheckFinding(
                "sound", .limited,
                "\($0.program) plays \($0.channels) channels (\($0.channelMap)); a host with fewer refuses the session",
                remedy: "resume it there with --downmix")
        }
    }

    private static func needs(of streams: [Stream], at sink: SinkReport.Place, mayDownmix: Bool) -> [CheckFinding] {
        let wide = streams.filter { $0.channels > max(2, UInt32(sink.channels)) }
        guard !wide.isEmpty else {
            return [CheckFinding("sound", .ok, "\(sink.name) can play all of it")]
        }
        return wide.map {
            CheckFinding(
                "sound", mayDownmix ? .limited : .refused,
                """
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
