import SoundDSP
import Testing

@Suite struct RateConverterTests {
    private static let rates: [UInt32] = [
        8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176_400, 192_000,
    ]
    private static let pairs = rates.flatMap { source in rates.filter { $0 != source }.map { (source, $0) } }

    /// A stream that runs through, and fresh converters that take over from it at each of `blocks`.
    private static func expectSeams(
        _ kind: ConverterKind, from source: UInt32, to sink: UInt32, channels: Int, blocks: [Int], frames: Int
    ) throws {
        let ratio = RateRatio(from: source, to: sink)
        let preroll = try kind.make(ratio: ratio, channels: channels).prerollFrames / ratio.input
        let blocks = blocks.map { $0 + preroll }
        let input = Signals.noise(frames: (blocks.max() ?? 0) * ratio.input + frames, channels: channels)
        let whole = try Signals.convert(input[...], kind, ratio, channels: channels, feed: [441], room: 512)
        for (number, block) in blocks.enumerated() {
            let start = (block - preroll) * ratio.input * channels
            let feed = [[1], [1024], [7, 300, 64]][number % 3]
            let resumed = try Signals.convert(
                input[start...], kind, ratio, channels: channels, feed: feed, room: [64, 5000][number % 2])
            let after = resumed.dropFirst(preroll * ratio.output * channels)
            let expected = whole.dropFirst(block * ratio.output * channels)
            #expect(after.count == expected.count && after.count > 0, "\(kind) \(source) to \(sink), block \(block)")
            #expect(
                after.elementsEqual(expected) { $0.bitPattern == $1.bitPattern },
                "\(kind) \(source) to \(sink), block \(block)")
        }
    }

    @Test(arguments: ConverterKind.allCases)
    func aFreshConverterGoesOnBitIdenticallyAtABlocksBorder(kind: ConverterKind) throws {
        for (source, sink) in [(UInt32(44100), UInt32(48000)), (48000, 44100), (96000, 44100), (22050, 48000)] {
            for channels in [1, 2, 6] {
                try Self.expectSeams(
                    kind, from: source, to: sink, channels: channels, blocks: [0, 1, 13, 50], frames: 3000)
            }
        }
    }

    @Test(arguments: ConverterKind.allCases)
    func betweenAllRatesAFreshConverterGoesOn(kind: ConverterKind) throws {
        for (source, sink) in Self.pairs {
            try Self.expectSeams(kind, from: source, to: sink, channels: 1, blocks: [0, 3], frames: 1000)
        }
    }

    /// Ten minutes of 8 kHz: libsamplerate's position, a sum of rounded steps, has left the exact one by then.
    @Test func aSeamIsAsExactAfterAnyTime() throws {
        let ratio = RateRatio(from: 8000, to: 44100)
        let cycle = Signals.noise(frames: ratio.input * 61, channels: 1)
        let converter = try ConverterKind.polyphase.make(ratio: ratio, channels: 1)
        var made = [Float](repeating: 0, count: ratio.output * 61)
        for _ in 0..<983 {
            // Cut where it comes: each turn gives as many frames as its input is worth, but for the first.
            _ = converter.convert(cycle, frames: cycle.count, into: &made, capacity: made.count, isLast: false)
        }
        let resumed = try ConverterKind.polyphase.make(ratio: ratio, channels: 1)
        var again = [Float](repeating: 0, count: made.count)
        for _ in 0..<3 {
            _ = resumed.convert(cycle, frames: cycle.count, into: &again, capacity: again.count, isLast: false)
        }
        #expect(again == made && made.contains { $0 != 0 })
    }

    @Test(arguments: ConverterKind.allCases)
    func everyInputFrameIsWorthItsShareOfTheOutput(kind: ConverterKind) throws {
        for (source, sink) in [(UInt32(44100), UInt32(48000)), (48000, 44100), (8000, 192_000), (192_000, 8000)] {
            let ratio = RateRatio(from: source, to: sink)
            for channels in [1, 2, 3, 8] {
                for frames in [0, 1, 2, 146, 147, 148, 1000, 4321] {
                    let input = Signals.noise(frames: frames, channels: channels)
                    let output = try Signals.convert(
                        input[...], kind, ratio, channels: channels, feed: [100], room: 33)
                    let expected = (frames * ratio.output + ratio.input - 1) / ratio.input
                    #expect(output.count == expected * channels, "\(kind) \(ratio) \(channels) \(frames)")
                }
            }
        }
    }

    @Test func eachChannelIsConvertedAsIfItWereAlone() throws {
        let ratio = RateRatio(from: 44100, to: 48000)
        for channels in 1...8 {
            let input = Signals.noise(frames: 2000, channels: channels)
            let output = try Signals.convert(input[...], .polyphase, ratio, channels: channels, feed: [333], room: 99)
            for channel in 0..<channels {
                let alone = stride(from: channel, to: input.count, by: channels).map { input[$0] }
                let expected = try Signals.convert(alone[...], .polyphase, ratio, channels: 1, feed: [50], room: 77)
                let found = stride(from: channel, to: output.count, by: channels).map { output[$0] }
                #expect(found == expected)
            }
        }
    }

    @Test func theSameRatePassesUnchanged() throws {
        let input = Signals.noise(frames: 3000, channels: 2)
        let ratio = RateRatio(from: 48000, to: 48000)
        #expect(try Signals.convert(input[...], .polyphase, ratio, channels: 2, feed: [100], room: 90) == input)
    }

    @Test(arguments: ConverterKind.allCases)
    func noSampleValueStopsAConverterAndWhatWasSpoiltPasses(kind: ConverterKind) throws {
        let ratio = RateRatio(from: 48000, to: 44100)
        var input = Signals.noise(frames: 8000, channels: 2)
        let hostile: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, .leastNonzeroMagnitude, .signalingNaN]
        for index in 0..<400 { input[index] = hostile[index % hostile.count] }
        let output = try Signals.convert(input[...], kind, ratio, channels: 2, feed: [500], room: 400)
        #expect(output.suffix(10_000).allSatisfy { abs($0) < 1 })
    }

    @Test func ratesWithoutACommonMeasureAreRefused() {
        let ratio = RateRatio(from: 44101, to: 191_999)
        #expect(throws: ConverterFailure.tooManyPhases(ratio)) {
            try ConverterKind.polyphase.make(ratio: ratio, channels: 2)
        }
    }

    @Test func ratiosAreInLowestTerms() {
        #expect(RateRatio(from: 44100, to: 48000).input == 147)
        #expect(RateRatio(from: 44100, to: 48000).output == 160)
        #expect(RateRatio(from: 48000, to: 96000).output == 2)
        #expect(RateRatio(from: 48000, to: 48000).isIdentity)
    }
}
