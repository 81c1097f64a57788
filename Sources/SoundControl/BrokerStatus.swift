/// `podaudio status`: one broker and its streams.
public struct BrokerStatus: Codable, Sendable {
    /// The broker's process id on the host.
    public var brokerPID: Int32
    public var policy: SoundPolicy
    public var sink: SinkStatus
    public var streams: [StreamStatus]

    public init(brokerPID: Int32, policy: SoundPolicy, sink: SinkStatus, streams: [StreamStatus]) {
        self.brokerPID = brokerPID
        self.policy = policy
        self.sink = sink
        self.streams = streams
    }

    enum CodingKeys: String, CodingKey {
        case brokerPID = "broker_pid"
        case policy, sink, streams
    }
}

/// Where a broker's sound goes.
public struct SinkStatus: Codable, Sendable {
    /// What was asked for: `pulse`, `pulse:SERVER`, `file:PATH` or `null`.
    public var spec: String
    /// The sink's own name where it has one.
    public var name: String
    /// `connected`, `connecting`, or why there is no sound.
    public var state: String
    /// Hz; 0 while not known.
    public var rate: UInt32
    public var channels: UInt32

    public init(spec: String, name: String, state: String, rate: UInt32, channels: UInt32) {
        self.spec = spec
        self.name = name
        self.state = state
        self.rate = rate
        self.channels = channels
    }
}

/// One stream as it is now.
public struct StreamStatus: Codable, Sendable {
    public var id: String
    public var program: String
    public var state: String
    public var configuration: StreamConfiguration
    /// Frames played since the PCM was opened.
    public var positionFrames: UInt64
    /// Frames written by the program and not yet played.
    public var fillFrames: UInt64
    /// Time from the sink's taking a frame until it sounds, ns.
    public var sinkDelayNanoseconds: UInt64
    public var xruns: UInt64

    public init(
        id: String, program: String, state: String, configuration: StreamConfiguration, positionFrames: UInt64,
        fillFrames: UInt64, sinkDelayNanoseconds: UInt64, xruns: UInt64
    ) {
        self.id = id
        self.program = program
        self.state = state
        self.configuration = configuration
        self.positionFrames = positionFrames
        self.fillFrames = fillFrames
        self.sinkDelayNanoseconds = sinkDelayNanoseconds
        self.xruns = xruns
    }

    enum CodingKeys: String, CodingKey {
        case id, program, state, configuration, xruns
        case positionFrames = "position_frames"
        case fillFrames = "fill_frames"
        case sinkDelayNanoseconds = "sink_delay_ns"
    }
}
