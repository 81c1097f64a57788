/// Which loudspeaker each channel of a frame is for, in order: 1...8 positions, none of them twice.
public struct ChannelMap: Sendable, Hashable, LosslessStringConvertible {
    public let positions: [ChannelPosition]

    public var channels: Int { positions.count }

    public static let stereo = ChannelMap(distinct: [.frontLeft, .frontRight])

    private init(distinct positions: [ChannelPosition]) {
        self.positions = positions
    }

    /// `nil` unless there are 1...8, and each at most once; `unknown` and `notAvailable` may come several times.
    public init?(_ positions: [ChannelPosition]) {
        let placed = positions.filter { $0 != .unknown && $0 != .notAvailable }
        guard (1...8).contains(positions.count), Set(placed).count == placed.count else { return nil }
        self.positions = positions
    }

    /// Reads ALSA's short names with blanks between, such as "FL FR RL RR FC LFE".
    public init?(_ description: String) {
        var positions: [ChannelPosition] = []
        for name in description.split(separator: " ") {
            guard let position = ChannelPosition(name: name) else { return nil }
            positions.append(position)
        }
        self.init(positions)
    }

    public var description: String { positions.map(\.name).joined(separator: " ") }

    /// What 1...8 channels are when nothing is said; `nil` for other counts.
    ///
    /// For 1, 2, 4, 6 and 8 the Linux kernel's `snd_pcm_std_chmaps`, which is PulseAudio's "alsa" map too; 5 is
    /// alsa-lib's `surround50`, 6 without the subwoofer. 3 is 2.1, not left-right-centre: so alsa-lib's `surround21`, and
    /// the first three-channel allocation of HDMI (CEA-861). 7 is 6.1, the 6 with a rear centre.
    public static func standard(channels: Int) -> ChannelMap? {
        switch channels {
        case 1: ChannelMap([.mono])
        case 3: ChannelMap([.frontLeft, .frontRight, .lowFrequency])
        case 7: ChannelMap(eight.prefix(6) + [.rearCenter])
        case 2, 4, 5, 6, 8: ChannelMap(Array(eight.prefix(channels)))
        default: nil
        }
    }

    private static let eight: [ChannelPosition] = [
        .frontLeft, .frontRight, .rearLeft, .rearRight, .frontCenter, .lowFrequency, .sideLeft, .sideRight,
    ]
}
