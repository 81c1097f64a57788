/// hw_params and sw_params of one stream, in ALSA's terms; sizes in frames.
public struct StreamConfiguration: Codable, Sendable, Equatable {
    public enum Direction: String, Codable, Sendable {
        case playback, capture
    }

    public var direction: Direction
    /// As ALSA names it: `RW_INTERLEAVED` and so on.
    public var access: String
    /// As ALSA names it: `S16_LE` and so on.
    public var format: String
    /// Hz.
    public var rate: UInt32
    /// 1...8.
    public var channels: UInt32
    /// The speaker of each channel, by ALSA's short names: `FL FR RL RR FC LFE`.
    public var channelMap: String
    public var periodFrames: UInt64
    public var bufferFrames: UInt64
    public var software: SoftwareParameters
    /// What the pod's sound device offered when these were chosen.
    public var policy: SoundPolicy

    public init(
        direction: Direction, access: String, format: String, rate: UInt32, channels: UInt32, channelMap: String,
        periodFrames: UInt64, bufferFrames: UInt64, software: SoftwareParameters, policy: SoundPolicy
    ) {
        self.direction = direction
        self.access = access
        self.format = format
        self.rate = rate
        self.channels = channels
        self.channelMap = channelMap
        self.periodFrames = periodFrames
        self.bufferFrames = bufferFrames
        self.software = software
        self.policy = policy
    }

    enum CodingKeys: String, CodingKey {
        case channelMap = "channel_map"
        case periodFrames = "period_frames"
        case bufferFrames = "buffer_frames"
        case software = "sw_params"
        case direction, access, format, rate, channels, policy
    }
}

/// ALSA's sw_params, as the program set them; frames.
public struct SoftwareParameters: Codable, Sendable, Equatable {
    public var availMin: UInt64
    public var startThreshold: UInt64
    public var stopThreshold: UInt64
    public var silenceThreshold: UInt64
    public var silenceSize: UInt64
    public var boundary: UInt64

    public init(
        availMin: UInt64, startThreshold: UInt64, stopThreshold: UInt64, silenceThreshold: UInt64 = 0,
        silenceSize: UInt64 = 0, boundary: UInt64 = 0
    ) {
        self.availMin = availMin
        self.startThreshold = startThreshold
        self.stopThreshold = stopThreshold
        self.silenceThreshold = silenceThreshold
        self.silenceSize = silenceSize
        self.boundary = boundary
    }

    enum CodingKeys: String, CodingKey {
        case availMin = "avail_min"
        case startThreshold = "start_threshold"
        case stopThreshold = "stop_threshold"
        case silenceThreshold = "silence_threshold"
        case silenceSize = "silence_size"
        case boundary
    }
}
