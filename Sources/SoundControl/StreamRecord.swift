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
    /// The first frame that has not been played, counted from the PCM's opening.
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
}

/// hw_params and sw_params of one stream, in ALSA's terms; sizes in frames.
public struct StreamConfiguration: Codable, Sendable, Equatable {
    public var direction: String
    public var access: String
    public var format: String
    /// Hz.
    public var rate: UInt32
    public var channels: UInt32
    public var periodFrames: UInt64
    public var bufferFrames: UInt64
    public var availMin: UInt64
    public var startThreshold: UInt64
    public var stopThreshold: UInt64

    public init(
        direction: String, access: String, format: String, rate: UInt32, channels: UInt32, periodFrames: UInt64,
        bufferFrames: UInt64, availMin: UInt64, startThreshold: UInt64, stopThreshold: UInt64
    ) {
        self.direction = direction
        self.access = access
        self.format = format
        self.rate = rate
        self.channels = channels
        self.periodFrames = periodFrames
        self.bufferFrames = bufferFrames
        self.availMin = availMin
        self.startThreshold = startThreshold
        self.stopThreshold = stopThreshold
    }
}

/// What a pod's sound device offers its programs.
public enum SoundPolicy: String, Codable, Sendable, CaseIterable {
    /// 44.1 or 48 kHz, S16_LE, stereo: what every host can play.
    case portable
    /// Whatever the host's sink has.
    case full
}

/// The sound part of a session's manifest.
public struct SoundRecords: Codable, Sendable, Equatable {
    /// The format version this program writes, and the highest it reads.
    public static let currentVersion = 1

    public var version: Int
    public var policy: SoundPolicy
    public var streams: [StreamRecord]

    public init(policy: SoundPolicy, streams: [StreamRecord]) {
        version = Self.currentVersion
        self.policy = policy
        self.streams = streams
    }
}
