/// Where a channel's loudspeaker stands. The numbers are ALSA's SND_CHMAP_*, the names what alsa-lib prints.
public enum ChannelPosition: UInt8, Sendable, CaseIterable {
    /// Not told.
    case unknown = 0
    /// A channel that nobody hears.
    case notAvailable = 1
    case mono = 2
    case frontLeft = 3
    case frontRight = 4
    case rearLeft = 5
    case rearRight = 6
    case frontCenter = 7
    /// Low-frequency effects: the subwoofer.
    case lowFrequency = 8
    case sideLeft = 9
    case sideRight = 10
    case rearCenter = 11
    case frontLeftCenter = 12
    case frontRightCenter = 13
    case rearLeftCenter = 14
    case rearRightCenter = 15
    case frontLeftWide = 16
    case frontRightWide = 17
    case frontLeftHigh = 18
    case frontCenterHigh = 19
    case frontRightHigh = 20
    case topCenter = 21
    case topFrontLeft = 22
    case topFrontRight = 23
    case topFrontCenter = 24
    case topRearLeft = 25
    case topRearRight = 26
    case topRearCenter = 27
    case topFrontLeftCenter = 28
    case topFrontRightCenter = 29
    case topSideLeft = 30
    case topSideRight = 31
    case leftLowFrequency = 32
    case rightLowFrequency = 33
    case bottomCenter = 34
    case bottomLeftCenter = 35
    case bottomRightCenter = 36

    /// ALSA's short name, as in "FL".
    public var name: String { Self.names[Int(rawValue)] }

    /// `nil` for a name that ALSA does not know. Small letters will do, as they do in ALSA.
    public init?(name: some StringProtocol) {
        let capitals = name.uppercased()
        guard let place = Self.names.firstIndex(of: capitals) else { return nil }
        self.init(rawValue: UInt8(place))
    }

    /// By number.
    private static let names = [
        "UNKNOWN", "NA", "MONO", "FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR", "RC", "FLC", "FRC", "RLC",
        "RRC", "FLW", "FRW", "FLH", "FCH", "FRH", "TC", "TFL", "TFR", "TFC", "TRL", "TRR", "TRC", "TFLC",
        "TFRC", "TSL", "TSR", "LLFE", "RLFE", "BC", "BLC", "BRC",
    ]
}
