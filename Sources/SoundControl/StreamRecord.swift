/// What the sound broker knows of one PCM stream, written down so that a broker of another host, or of another
/// version, can go on with it. Part of a session's manifest; never memory, always meaning.
public struct StreamRecord: Codable, Sendable, Equatable {
    /// The stream's identity, 32 hexadecimal digits, chosen by the plugin when the PCM was opened.
    public var id: String
    /// The program that opened the PCM, as it called itself. Untrusted text, made printable.
    public var program: String
    /// The ALSA state: `setup`, `prepared`, `running`, `draining`, `paused`, `xrun`.
    public var state: String
    public var configuration: StreamConfiguration
    /// Playback: the first frame that has not been played; capture: the next to be captured. Counted from the PCM's
    /// opening.
    public var playedFrames: UInt64
    /// With a resampler: frames at `sinkRate` that were played beyond `playedFrames`, less than one block.
    public var playedPhase: UInt32
    /// The rate of the sink that `playedPhase` counts in, Hz.
    public var sinkRate: UInt32
    /// The number that the old broker left in the stream's shared header, to tell that this record and the
    /// restored memory belong together.
    public var handover: UInt64

    public init(
        id: String, program: String, state: String, configuration: StreamConfiguration, playedFrames: UInt64,
        playedPhase: UInt32, sinkRate: UInt32, handover: UInt64
    ) {
        self.id = id
        self.program = program
        self.state = state
        self.configuration = configuration
        self.playedFrames = playedFrames
        self.playedPhase = playedPhase
        self.sinkRate = sinkRate
        self.handover = handover
    }

    enum CodingKeys: String, CodingKey {
        case playedFrames = "played_frames"
        case playedPhase = "played_phase"
        case sinkRate = "sink_rate"
        case id, program, state, configuration, handover
    }
}
