/// What a pod's sound device offers its programs.
public enum SoundPolicy: String, Codable, Sendable, CaseIterable {
    /// 44.1 or 48 kHz, S16_LE, stereo: what every host can play.
    case portable
    /// Whatever the host's sink has.
    case full
}

/// How loud a pod is. It moves with the pod.
public struct MixerState: Codable, Sendable, Equatable {
    /// Linear, 1 is unity; 0...1.
    public var playback: Double
    public var playbackMuted: Bool
    public var capture: Double
    public var captureMuted: Bool

    public init(
        playback: Double = 1, playbackMuted: Bool = false, capture: Double = 1, captureMuted: Bool = false
    ) {
        self.playback = playback
        self.playbackMuted = playbackMuted
        self.capture = capture
        self.captureMuted = captureMuted
    }

    /// What samples are multiplied with.
    public var playbackGain: Float { playbackMuted ? 0 : Float(playback) }
    public var captureGain: Float { captureMuted ? 0 : Float(capture) }

    enum CodingKeys: String, CodingKey {
        case playbackMuted = "playback_muted"
        case captureMuted = "capture_muted"
        case playback, capture
    }
}

/// The sound part of a session's manifest.
public struct SoundRecords: Codable, Sendable, Equatable {
    /// The format version this program writes, and the highest it reads. Version 1 was never released.
    public static let currentVersion = 2

    public var version: Int
    public var policy: SoundPolicy
    public var mixer: MixerState
    public var streams: [StreamRecord]

    public init(policy: SoundPolicy, mixer: MixerState = MixerState(), streams: [StreamRecord]) {
        version = Self.currentVersion
        self.policy = policy
        self.mixer = mixer
        self.streams = streams
    }
}
