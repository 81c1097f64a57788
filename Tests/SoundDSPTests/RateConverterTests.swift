import SoundDSP
import Testing

@Suite struct RateConverterTests {
    /// Stereo noise of a fixed seed: nothing repeats, so nothing can fall into place by chance.
    private static func noise(frames: Int) -> [Float] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<frames * 2).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(Int32(truncatingIfNeeded: state)) / Float(Int32.max) * 0.45
        }
    }

    private static func convert(
        _ input: ArraySlice<Float>, _ ratio: RateRatio, _ quality: RateConverter.Quality, chunk: Int
    ) throws -> [Float] {
        let converter = try RateConverter(ratio: ratio, channels: 2, quality: quality)
        var output: [Float] = []
        var made = [Float](repeating: 0, count: 8192)
        try input.withUnsafeBufferPointer { input in
            let base = try #require(input.baseAddress)
            var next = 0
            while next < input.count / 2 {
                let frames = min(chunk, input.count / 2 - next)
                let result = converter.convert(
                    base + next * 2, frames: frames, into: &made, capacity: 4096, isLast: false)
                next += result.used
                output.append(contentsOf: made[..<(result.made * 2)])
                if result.used == 0, result.made == 0 { break }
            }
        }
        return output
    }

    @Test(
        arguments: [(UInt32(44100), UInt32(48000)), (48000, 44100)],
        RateConverter.Quality.allCases)
    func aFreshConverterGoesOnBitIdenticallyAtABlocksBorder(
        rates: (UInt32, UInt32), quality: RateConverter.Quality
    ) throws {
        let ratio = RateRatio(from: rates.0, to: rates.1)
        let input = Self.noise(frames: ratio.input * 200)
        let whole = try Self.convert(input[...], ratio, quality, chunk: 441)
        for block in [1, 50, 77, 120] {
            let start = (block - 1) * ratio.input * 2
            let resumed = try Self.convert(input[start...], ratio, quality, chunk: 1024)
            let after = Array(resumed.dropFirst(ratio.output * 2))
            let expected = Array(whole.dropFirst(block * ratio.output * 2))
            let count = min(after.count, expected.count)
            #expect(count > ratio.output * 2 * 40)
            #expect(after.prefix(count).elementsEqual(expected.prefix(count)) { $0.bitPattern == $1.bitPattern })
        }
    }

    @Test func ratiosAreInLowestTerms() {
        #expect(RateRatio(from: 44100, to: 48000).input == 147)
        #expect(RateRatio(from: 44100, to: 48000).output == 160)
        #expect(RateRatio(from: 48000, to: 96000).output == 2)
        #expect(RateRatio(from: 48000, to: 48000).isIdentity)
    }
}

@Suite struct SampleConversionTests {
    @Test func everySixteenBitSampleSurvivesTheWayThereAndBack() {
        let samples = (Int(Int16.min)...Int(Int16.max)).map { Int16($0) }
        var floats = [Float](repeating: 0, count: samples.count)
        var back = [Int16](repeating: 0, count: samples.count)
        SampleConversion.s16ToFloat(samples, &floats, count: samples.count)
        SampleConversion.floatToS16(floats, &back, count: samples.count)
        #expect(back == samples)
    }

    @Test func whatIsTooLoudSaturatesAndNotANumberIsSilence() {
        let loud: [Float] = [2, -2, 1, -1, .infinity, -.infinity, .nan]
        var samples = [Int16](repeating: 1, count: loud.count)
        SampleConversion.floatToS16(loud, &samples, count: loud.count)
        #expect(samples == [32767, -32768, 32767, -32768, 32767, -32768, 0])
    }
}
