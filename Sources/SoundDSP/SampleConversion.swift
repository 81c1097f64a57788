/// Conversions between sample formats and floating point with full scale ±1.
///
/// Integers are scaled by powers of two (2¹⁵, 2²³, 2³¹), so that 16 and 24 bits survive the way there and back. To
/// integers it rounds to nearest, ties to even, and saturates; not-a-number becomes silence. RT safe, whatever the
/// samples are; no pointer need be aligned.
public enum SampleConversion {
    /// Reads `count` samples.
    public static func toFloat(
        _ source: UnsafeRawPointer, _ format: SampleFormat, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch format {
        case .s16:
            for index in 0..<count {
                target[index] = Float(source.loadUnaligned(fromByteOffset: index * 2, as: Int16.self)) * 0x1p-15
            }
        case .s24Packed:
            for index in 0..<count {
                let low = UInt32(source.loadUnaligned(fromByteOffset: index * 3, as: UInt16.self))
                let high = UInt32(source.loadUnaligned(fromByteOffset: index * 3 + 2, as: UInt8.self))
                // In the upper three bytes, for the sign: 2³¹ is full scale there.
                target[index] = Float(Int32(bitPattern: high << 24 | low << 8)) * 0x1p-31
            }
        case .s24:
            for index in 0..<count {
                let sample = source.loadUnaligned(fromByteOffset: index * 4, as: Int32.self)
                target[index] = Float(sample << 8) * 0x1p-31
            }
        case .s32:
            for index in 0..<count {
                target[index] = Float(source.loadUnaligned(fromByteOffset: index * 4, as: Int32.self)) * 0x1p-31
            }
        case .float32:
            for index in 0..<count {
                target[index] = clean(source.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
            }
        }
    }

    /// Writes `count` samples. The top byte of `s24` repeats the sign. `float32` is not limited to full scale.
    public static func fromFloat(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutableRawPointer, _ format: SampleFormat, count: Int
    ) {
        switch format {
        case .s16:
            for index in 0..<count {
                target.storeBytes(of: s16(source[index]), toByteOffset: index * 2, as: Int16.self)
            }
        case .s24Packed:
            for index in 0..<count {
                let sample = integer(source[index], scale: 0x1p23)
                target.storeBytes(of: UInt16(truncatingIfNeeded: sample), toByteOffset: index * 3, as: UInt16.self)
                target.storeBytes(
                    of: UInt8(truncatingIfNeeded: sample >> 16), toByteOffset: index * 3 + 2, as: UInt8.self)
            }
        case .s24:
            for index in 0..<count {
                target.storeBytes(of: integer(source[index], scale: 0x1p23), toByteOffset: index * 4, as: Int32.self)
            }
        case .s32:
            for index in 0..<count {
                target.storeBytes(of: integer(source[index], scale: 0x1p31), toByteOffset: index * 4, as: Int32.self)
            }
        case .float32:
            for index in 0..<count {
                target.storeBytes(of: clean(source[index]), toByteOffset: index * 4, as: Float.self)
            }
        }
    }

    public static func s16ToFloat(
        _ source: UnsafePointer<Int16>, _ target: UnsafeMutablePointer<Float>, count: Int
    ) {
        toFloat(source, .s16, target, count: count)
    }

    public static func floatToS16(
        _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Int16>, count: Int
    ) {
        fromFloat(source, target, .s16, count: count)
    }

    /// Added to a number of at most 22 bits, 1.5 × 2²³ leaves no place for a fraction: the addition rounds as IEEE
    /// 754 says, and the integer stands in the low bits. Unlike a conversion instruction's checks and a call of
    /// `rint`, a compiler can do this to many samples at once.
    @inline(__always)
    private static func s16(_ sample: Float) -> Int16 {
        let scaled = limited(sample * 0x1p15, -0x1p15, 0x1p15 - 1)
        return Int16(truncatingIfNeeded: (scaled + 0x1.8p23).bitPattern)
    }

    /// The same with doubles, where 1.5 × 2⁵² leaves room for 51 bits.
    @inline(__always)
    private static func integer(_ sample: Float, scale: Double) -> Int32 {
        let scaled = limited(Double(sample) * scale, -scale, scale - 1)
        return Int32(truncatingIfNeeded: (scaled + 0x1.8p52).bitPattern)
    }

    @inline(__always)
    private static func limited<Number: BinaryFloatingPoint>(
        _ value: Number, _ low: Number, _ high: Number
    ) -> Number {
        // A NaN compares false with everything.
        value >= high ? high : value > low ? value : value <= low ? low : 0
    }

    /// Without what spoils or slows a filter's sums: not-a-number, infinity, and what is so small (-480 dB) that its
    /// products would be subnormal.
    @inline(__always)
    private static func clean(_ sample: Float) -> Float {
        let largest = Float.greatestFiniteMagnitude
        return abs(sample) >= 0x1p-80 ? max(-largest, min(largest, sample)) : 0
    }
}
