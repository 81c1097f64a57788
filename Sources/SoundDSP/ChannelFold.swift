/// Where a position's sound goes on a host that has no such loudspeaker.
///
/// For the positions of 5.1 by Recommendation ITU-R BS.775-3, Annex 4, Table 2 ("Downward mixing equations for 3/2
/// source material"): to mono 0.7071 L + 0.7071 R + C + 0.5 Ls + 0.5 Rs; to stereo L + 0.7071 C + 0.7071 Ls; to one
/// surround channel 0.7071 Ls + 0.7071 Rs. The low-frequency channel is not mixed (the Recommendation's section on it
/// makes it an option, not needed for the programme). Nothing is scaled down; what is too loud saturates later.
enum ChannelFold {
    typealias Share = (position: ChannelPosition, gain: Float)

    private static let half: Float = 0.5
    private static let root = Float(0.5).squareRoot()

    /// The first of the position's ways whose loudspeakers are all there; none when it is not to be heard.
    static func shares(of position: ChannelPosition, among present: [ChannelPosition]) -> [Share] {
        if present.contains(position) { return [(position, 1)] }
        return ways(for: position).first { way in way.allSatisfy { present.contains($0.position) } } ?? []
    }

    /// In the order of preference.
    private static func ways(for position: ChannelPosition) -> [[Share]] {
        switch position {
        case .unknown, .notAvailable, .lowFrequency, .leftLowFrequency, .rightLowFrequency: []
        // As loud as it was made, from both: what has one channel has it for whoever listens by two loudspeakers, and
        // PulseAudio and ALSA do so too. At 0.7071 it would be 3 dB softer than the same music in stereo.
        case .mono: [[(.frontLeft, 1), (.frontRight, 1)], [(.frontCenter, 1)]]
        case .frontCenter, .frontCenterHigh, .topCenter, .topFrontCenter, .bottomCenter:
            [[(.frontCenter, 1)], [(.mono, 1)], [(.frontLeft, root), (.frontRight, root)]]
        case .frontLeft, .frontRight:
            [[(.mono, root)], [(.frontCenter, root)]]
        // The pair behind and the pair at the side are both the surround pair of 5.1.
        case .rearLeft: surround(.sideLeft, front: .frontLeft)
        case .rearRight: surround(.sideRight, front: .frontRight)
        case .sideLeft, .rearLeftCenter, .topRearLeft, .topSideLeft: surround(.rearLeft, front: .frontLeft)
        case .sideRight, .rearRightCenter, .topRearRight, .topSideRight: surround(.rearRight, front: .frontRight)
        // What a pair of Ls and Rs at 0.7071 each would become.
        case .rearCenter, .topRearCenter:
            [
                [(.rearCenter, 1)],
                [(.rearLeft, root), (.rearRight, root)], [(.sideLeft, root), (.sideRight, root)],
                [(.frontLeft, half), (.frontRight, half)], [(.mono, root)], [(.frontCenter, root)],
            ]
        case .frontLeftCenter, .frontLeftWide, .frontLeftHigh, .topFrontLeft, .topFrontLeftCenter, .bottomLeftCenter:
            [[(.frontLeft, 1)], [(.mono, root)], [(.frontCenter, root)]]
        case .frontRightCenter, .frontRightWide, .frontRightHigh, .topFrontRight, .topFrontRightCenter,
            .bottomRightCenter:
            [[(.frontRight, 1)], [(.mono, root)], [(.frontCenter, root)]]
        }
    }

    private static func surround(_ twin: ChannelPosition, front: ChannelPosition) -> [[Share]] {
        [[(twin, 1)], [(.rearCenter, root)], [(front, root)], [(.mono, half)], [(.frontCenter, half)]]
    }
}
