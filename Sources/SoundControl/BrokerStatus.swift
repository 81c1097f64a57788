/// `podaudio status`: one broker and its streams.
public struct BrokerStatus: Codable, Sendable {
    /// The broker's process id on the host.
    public var brokerPID: Int32
    public var policy: SoundPolicy
    public var mixer: MixerState
    public var sink: SinkStatus
    public var streams: [StreamStatus]

    public init(brokerPID: Int32, policy: SoundPolicy, mixer: MixerState, sink: SinkStatus, streams: [StreamStatus]) {
        self.brokerPID = brokerPID
        self.policy = policy
        self.mixer = mixer
        self.sink = sink
        self.streams = streams
    }

    enum CodingKeys: String, CodingKey {
        case brokerPID = "broker_pid"
        case policy, mixer, sink, streams
    }
}

/// Where a broker's sound goes.
public struct SinkStatus: Codable, Sendable {
    /// What was asked for: `pulse`, `pulse:SERVER`, `alsa:PCM`, `file:PATH` or `null`.
    public var spec: String
    /// The sink's own name where it has one.
    public var name: String
    /// `connected`, `connecting`, or why there is no sound.
    public var state: String
    /// Hz; 0 while not known.
    public var rate: UInt32
    public var channels: UInt32
    /// The speaker of each channel, by ALSA's short names; empty while not known.
    public var channelMap: String

    public init(spec: String, name: String, state: String, rate: UInt32, channels: UInt32, channelMap: String) {
        self.spec = spec
        self.name = name
        self.state = state
        self.rate = rate
        self.channels = channels
        self.channelMap = channelMap
    }

    enum CodingKeys: String, CodingKey {
        case channelMap = "channel_map"
        case spec, name, state, rate, channels
    }
}

/// One stream as it is now.
public struct StreamStatus: Codable, Sendable {
    public var id: String
    public var program: String
    /// The ALSA state, or `waiting` where it should sound and cannot: `reason` then says why.
    public var state: String
    /// Why nothing is heard, in one line; `nil` where nothing is in the way.
    public var reason: String?
    public var configuration: StreamConfiguration
    /// Frames played, or captured, since the PCM was opened.
    public var positionFrames: UInt64
    /// Frames in the buffer: written and not yet played, or captured and not yet read.
    public var fillFrames: UInt64
    /// Time from the sink's taking a frame until it sounds, ns.
    public var sinkDelayNanoseconds: UInt64
    public var xruns: UInt64
    /// The highest sample of each channel since it was last asked for, linear, 1 is full scale.
    public var peaks: [Float]

    public init(
        id: String, program: String, state: String, reason: String?, configuration: StreamConfiguration,
        positionFrames: UInt64, fillFrames: UInt64, sinkDelayNanoseconds: UInt64, xruns: UInt64, peaks: [Float]
    ) {
        self.id = id
        self.program = program
        self.state = state
        self.reason = reason
        self.configuration = configuration
        self.positionFrames = positionFrames
        self.fillFrames = fillFrames
        self.sinkDelayNanoseconds = sinkDelayNanoseconds
        self.xruns = xruns
        self.peaks = peaks
    }

    enum CodingKeys: String, CodingKey {
        case positionFrames = "position_frames"
        case fillFrames = "fill_frames"
        case sinkDelayNanoseconds = "sink_delay_ns"
        case id, program, state, reason, configuration, xruns, peaks
    }
}
