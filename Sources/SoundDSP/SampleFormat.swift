/// How one sample lies in memory.
public enum SampleFormat: Sendable, Equatable {
    /// 16-bit signed integers, little-endian.
    case s16
    /// 32-bit floating point, full scale ±1.
    case float32

    public var bytes: Int {
        switch self {
        case .s16: 2
        case .float32: 4
        }
    }
}

/// Conversions between sample formats. RT safe.
public enum SampleConversion {
    /// One step of a 16-bit sample in floating point. 32768, a power of two, so that the way there and back
    /// changes nothing.
    private static let s16Scale: Float = 32768

    public static func s16ToFloat(
        _ source: UnsafePointer<Int16>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        for index in 0..<count { target[index] = Float(source[index]) * (1 / s16Scale) }
    }

    /// Rounds to the nearest step and saturates; not-a-number becomes silence.
    public static func floatToS16(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Int16>, count: Int
    ) {
        for index in 0..<count {
            let scaled = (source[index] * s16Scale).rounded(.toNearestOrEven)
            // min/max with the sample second: a NaN compares false and falls to the bound, so it goes first.
            target[index] = scaled.isNaN ? 0 : Int16(max(-32768, min(32767, scaled)))
        }
    }
}
