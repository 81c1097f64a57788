/// Sums of products in a fixed order: the same bits on each host and however a stream is cut. RT safe.
///
/// From both ends to the middle, where a low-pass filter's large weights are: they are rounded into the sum last, which
/// halves the noise of the rounding. Of 16 samples each in two vectors, as `count` is a multiple of 16.
enum DotProduct {
    @inline(__always)
    static func one(_ weights: UnsafePointer<Float>, _ samples: UnsafePointer<Float>, count: Int) -> Float {
        var low = SIMD8<Float>(repeating: 0)
        var high = low
        var (first, last) = (0, count - 8)
        while first < last {
            low += load(weights + first) * load(samples + first)
            high += load(weights + last) * load(samples + last)
            first += 8
            last -= 8
        }
        return sum(low, high)
    }

    /// The same for two channels, with each weight loaded once.
    @inline(__always)
    static func two(
        _ weights: UnsafePointer<Float>, _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int
    ) -> (Float, Float) {
        var (leftLow, leftHigh) = (SIMD8<Float>(repeating: 0), SIMD8<Float>(repeating: 0))
        var (rightLow, rightHigh) = (leftLow, leftHigh)
        var (first, last) = (0, count - 8)
        while first < last {
            let low = load(weights + first)
            let high = load(weights + last)
            leftLow += low * load(left + first)
            rightLow += low * load(right + first)
            leftHigh += high * load(left + last)
            rightHigh += high * load(right + last)
            first += 8
            last -= 8
        }
        return (sum(leftLow, leftHigh), sum(rightLow, rightHigh))
    }

    @inline(__always)
    private static func load(_ place: UnsafePointer<Float>) -> SIMD8<Float> {
        UnsafeRawPointer(place).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    private static func sum(_ low: SIMD8<Float>, _ high: SIMD8<Float>) -> Float {
        let eight = low + high
        let four = eight.lowHalf + eight.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }
}
