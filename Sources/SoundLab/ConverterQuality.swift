internal import Glibc
public import SoundDSP

/// What a kind of rate converter is worth between two rates, and what it costs.
public struct ConverterQuality: Sendable, Codable {
    public var kind: ConverterKind
    /// Hz.
    public var sourceRate: UInt32
    public var sinkRate: UInt32
    public var figures: ConverterFigures
    /// Output frames that came only when the input had ended.
    public var tailFrames: Int
    /// Seconds of stereo converted in one second of processor time, in each round.
    public var speeds: [Double]
    /// The same for the library alone, without what we lay around it, measured in turn with `speeds`; empty where there
    /// is no library.
    public var librarySpeeds: [Double]

    /// Medians over the rounds.
    public var speed: Double { Self.median(speeds) ?? 0 }
    public var librarySpeed: Double? { Self.median(librarySpeeds) }

    public enum Failure: Error { case probeNotFound }

    /// Measures one kind, its speed in `rounds` of `seconds` s of noise.
    public static func measure(
        _ kind: ConverterKind, from source: UInt32, to sink: UInt32, seconds: Double = 5, rounds: Int = 5
    ) throws -> ConverterQuality {
        let probe = ConverterProbe(from: source, to: sink)
        let ratio = RateRatio(from: source, to: sink)
        let (output, tail) = convert(probe.input, by: try kind.make(ratio: ratio, channels: 1), ratio)
        guard let figures = probe.figures(of: output) else { throw Failure.probeNotFound }
        let noise = Self.noise(count: Int(seconds * Double(source)) * channels)
        var speeds: [Double] = []
        var librarySpeeds: [Double] = []
        for round in 0..<rounds {
            let converter = try kind.make(ratio: ratio, channels: channels)
            let bare = BareLibrary(kind, ratio: ratio, channels: channels)
            func measureOurs() {
                speeds.append(
                    speed(noise, source, ratio) { input, frames, output, capacity in
                        converter.convert(input, frames: frames, into: output, capacity: capacity, isLast: false)
                    })
            }
            func measureLibrary() {
                if let bare { librarySpeeds.append(speed(noise, source, ratio, bare.convert)) }
            }
            // Each goes first in turn: whoever does finds the caches of somebody else.
            if round % 2 == 0 {
                measureOurs()
                measureLibrary()
            } else {
                measureLibrary()
                measureOurs()
            }
        }
        return ConverterQuality(
            kind: kind, sourceRate: source, sinkRate: sink, figures: figures, tailFrames: tail,
            speeds: speeds, librarySpeeds: librarySpeeds)
    }

    private static func median(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }

    private static let channels = 2
    /// Frames fed at a time: as much as the broker stages.
    private static let chunk = 1024

    private static func convert(
        _ input: [Float], by converter: any RateConverter, _ ratio: RateRatio
    ) -> (output: [Float], tail: Int) {
        var output = [Float](repeating: 0, count: input.count * ratio.output / ratio.input + 4096)
        return input.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                guard let source = input.baseAddress, let target = output.baseAddress else { return ([], 0) }
                let body = converter.convert(
                    source, frames: input.count, into: target, capacity: output.count, isLast: false)
                let tail = converter.convert(
                    source, frames: 0, into: target + body.made, capacity: output.count - body.made, isLast: true)
                return (Array(output[..<(body.made + tail.made)]), tail.made)
            }
        }
    }

    /// Seconds of `noise` converted in one second of this thread's processor time.
    private static func speed(
        _ noise: [Float], _ rate: UInt32, _ ratio: RateRatio,
        _ convert: (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int) -> (used: Int, made: Int)
    ) -> Double {
        let room = chunk * ratio.output / ratio.input + 64
        var output = [Float](repeating: 0, count: room * channels)
        let frames = noise.count / channels
        return noise.withUnsafeBufferPointer { noise in
            output.withUnsafeMutableBufferPointer { output in
                guard let source = noise.baseAddress, let target = output.baseAddress else { return 0 }
                let begin = processorSeconds()
                var next = 0
                while next < frames {
                    next += convert(source + next * channels, min(chunk, frames - next), target, room).used
                }
                return Double(frames) / Double(rate) / (processorSeconds() - begin)
            }
        }
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func noise(count: Int) -> [Float] {
        var state: UInt64 = 88_172_645_463_325_252
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Float(Int32(truncatingIfNeeded: state)) / Float(Int32.max) * 0.45
        }
    }
}
