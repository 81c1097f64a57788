import SoundDSP
import Testing

@Suite struct SampleConversionTests {
    private static func roundTrip(_ bytes: [UInt8], _ format: SampleFormat) -> [UInt8] {
        let count = bytes.count / format.bytes
        var floats = [Float](repeating: 0, count: count)
        var back = [UInt8](repeating: 0xaa, count: bytes.count)
        SampleConversion.toFloat(bytes, format, &floats, count: count)
        SampleConversion.fromFloat(floats, &back, format, count: count)
        return back
    }

    private static func write(_ samples: [Float], _ format: SampleFormat) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: samples.count * format.bytes)
        SampleConversion.fromFloat(samples, &bytes, format, count: samples.count)
        return bytes
    }

    private static func write32(_ samples: [Float], _ format: SampleFormat) -> [Int32] {
        let bytes = write(samples, format)
        return samples.indices.map { index in
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index * 4, as: Int32.self) }
        }
    }

    @Test func everySixteenBitSampleSurvivesTheWayThereAndBack() {
        let samples = (Int(Int16.min)...Int(Int16.max)).map { Int16($0) }
        var floats = [Float](repeating: 0, count: samples.count)
        var back = [Int16](repeating: 0, count: samples.count)
        SampleConversion.s16ToFloat(samples, &floats, count: samples.count)
        #expect(floats.first == -1 && floats[32768] == 0 && floats[32769] == 0x1p-15)
        SampleConversion.floatToS16(floats, &back, count: samples.count)
        #expect(back == samples)
    }

    @Test func everyTwentyFourBitSampleSurvivesTheWayThereAndBack() {
        for upper in stride(from: 0, to: 256, by: 1) {
            var packed: [UInt8] = []
            var padded: [UInt8] = []
            var expected: [UInt8] = []
            for lower in 0..<65536 {
                let bytes = [UInt8(lower & 0xff), UInt8(lower >> 8), UInt8(upper)]
                packed += bytes
                // The top byte is whatever the program left there; what comes back repeats the sign.
                padded += bytes + [UInt8(truncatingIfNeeded: lower &* 31)]
                expected += bytes + [upper < 128 ? 0 : 0xff]
            }
            #expect(Self.roundTrip(packed, .s24Packed) == packed)
            #expect(Self.roundTrip(padded, .s24) == expected)
        }
    }

    @Test func thirtyTwoBitSamplesKeepWhatAFloatHolds() {
        #expect(Self.write32([0.5, -0.5, 0x1p-31, -1], .s32) == [1 << 30, -1 << 30, 1, .min])
        var floats = [Float](repeating: 0, count: 3)
        SampleConversion.toFloat([Int32.min, 1 << 30, Int32.max], .s32, &floats, count: 3)
        #expect(floats == [-1, 0.5, 1])
    }

    @Test func whatIsTooLoudSaturatesAndNotANumberIsSilence() {
        let loud: [Float] = [2, -2, 1, -1, .infinity, -.infinity, .nan, -.nan, .signalingNaN, 1e38, -1e38]
        var samples = [Int16](repeating: 1, count: loud.count)
        SampleConversion.floatToS16(loud, &samples, count: loud.count)
        #expect(samples == [32767, -32768, 32767, -32768, 32767, -32768, 0, 0, 0, 32767, -32768])
        let (top, bottom) = (Int32(1 << 23 - 1), Int32(-1 << 23))
        #expect(Self.write32(loud, .s24) == [top, bottom, top, bottom, top, bottom, 0, 0, 0, top, bottom])
        #expect(
            Self.write32(loud, .s32)
                == [.max, .min, .max, .min, .max, .min, 0, 0, 0, .max, .min])
        #expect(Self.write([2, -2, .nan], .s24Packed) == [0xff, 0xff, 0x7f, 0, 0, 0x80, 0, 0, 0])
    }

    @Test func halvesAreRoundedToTheEvenStep() {
        let halves: [Float] = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, 32766.5]
        var samples = [Int16](repeating: 1, count: halves.count)
        SampleConversion.floatToS16(halves.map { $0 * 0x1p-15 }, &samples, count: halves.count)
        #expect(samples == [0, 2, 2, 0, -2, -2, 0, 32766])
        #expect(Self.write32(halves.map { $0 * 0x1p-23 }, .s24) == [0, 2, 2, 0, -2, -2, 0, 32766])
    }

    @Test func floatingPointPassesUnchangedButForWhatNoConverterBears() {
        let samples: [Float] = [0, 1, -1, 3.25, 1e-20, .nan, .infinity, -.infinity, .leastNonzeroMagnitude]
        var floats = [Float](repeating: 7, count: samples.count)
        SampleConversion.toFloat(samples, .float32, &floats, count: samples.count)
        let largest = Float.greatestFiniteMagnitude
        #expect(floats == [0, 1, -1, 3.25, 1e-20, 0, largest, -largest, 0])
    }

    @Test func nothingIsWrittenBeyondTheSamples() {
        for format in SampleFormat.allCases {
            var bytes = [UInt8](repeating: 0xaa, count: 5 * format.bytes + 1)
            SampleConversion.fromFloat([0, 0.5, 1, -1, 0.25], &bytes, format, count: 5)
            #expect(bytes.last == 0xaa)
        }
    }
}
