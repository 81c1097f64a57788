/// Sums of products in a fixed order: the same bits on each host and however a stream is cut. RT safe.
enum DotProduct {
    /// `count` is a multiple of 16.
    @inline(__always)
    static func one(_ weights: UnsafePointer<Float>, _ samples: UnsafePointer<Float>, count: Int) -> Float {
        var low = SIMD8<Float>(repeating: 0)
        var high = low
        var index = 0
        while index < count {
            low += load(weights + index) * load(samples + index)
            high += load(weights + index + 8) * load(samples + index + 8)
            index += 16
        }
        return sum(low, high)
    }

    /// The same for two channels, with each weight loaded once.
    @inline(__always)
    static func two(
        _ weights: UnsafePointer<Float>, _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, count: Int
    ) -> (Float, Float) {
        var (firstLow, firstHigh) = (SIMD8<Float>(repeating: 0), SIMD8<Float>(repeating: 0))
        var (secondLow, secondHigh) = (firstLow, firstHigh)
        var index = 0
        while index < count {
            let low = load(weights + index)
            let high = load(weights + index + 8)
            firstLow += low * load(first + index)
            secondLow += low * load(second + index)
            firstHigh += high * load(first + index + 8)
            secondHigh += high * load(second + index + 8)
            index += 16
        }
        return (sum(firstLow, firstHigh), sum(secondLow, secondHigh))
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
