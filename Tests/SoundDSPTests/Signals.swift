import SoundDSP
import Testing

/// What the converters' tests feed them, and how.
enum Signals {
    /// Noise of a fixed seed: nothing repeats, so nothing can fall into place by chance.
    static func noise(frames: Int, channels: Int) -> [Float] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<frames * channels).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(Int32(truncatingIfNeeded: state)) / Float(Int32.max) * 0.45
        }
    }

    /// All of `input` and its tail through a fresh converter, fed by turns in pieces of `feed` frames, at most `room`
    /// frames out at a time.
    static func convert(
        _ input: ArraySlice<Float>, _ kind: ConverterKind, _ ratio: RateRatio, channels: Int, feed: [Int], room: Int
    ) throws -> [Float] {
        let converter = try kind.make(ratio: ratio, channels: channels)
        var output: [Float] = []
        var made = [Float](repeating: 0, count: room * channels)
        // One sample more, as there is no pointer to nothing.
        try (Array(input) + [0]).withUnsafeBufferPointer { samples in
            let base = try #require(samples.baseAddress)
            let frames = input.count / channels
            var next = 0
            var turn = 0
            while true {
                let count = min(feed[turn % feed.count], frames - next)
                turn += 1
                let result = converter.convert(
                    base + next * channels, frames: count, into: &made, capacity: room,
                    isLast: next + count == frames)
                next += result.used
                output.append(contentsOf: made[..<(result.made * channels)])
                if next == frames, result.made < room { break }
            }
        }
        return output
    }
}
