internal import CSampleRate
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
    /// Seconds of stereo converted in one second of processor time.
    public var speed: Double
    /// The same for the library alone, without what we lay around it; `nil` where there is no library.
    public var bareSpeed: Double?

    public enum Failure: Error { case probeNotFound }

    /// Measures one kind. Speeds are the best of `rounds`, each of `seconds` s of noise, ours and the library's in turn.
    public static func measure(
        _ kind: ConverterKind, from source: UInt32, to sink: UInt32, seconds: Double = 5, rounds: Int = 5
    ) throws -> ConverterQuality {
        let probe = ConverterProbe(from: source, to: sink)
        let ratio = RateRatio(from: source, to: sink)
        let (output, tail) = convert(probe.input, by: try kind.make(ratio: ratio, channels: 1), ratio)
        guard let figures = probe.figures(of: output) else { throw Failure.probeNotFound }
        let noise = Self.noise(count: Int(seconds * Double(source)) * channels)
        var speeds: [Double] = []
        var bareSpeeds: [Double] = []
        for _ in 0..<rounds {
            let converter = try kind.make(ratio: ratio, channels: channels)
            speeds.append(
                speed(noise, source, ratio) { input, frames, output, capacity in
                    converter.convert(input, frames: frames, into: output, capacity: capacity, isLast: false)
                })
            if let bare = BareLibrary(kind, ratio: ratio, channels: channels) {
                bareSpeeds.append(speed(noise, source, ratio, bare.convert))
            }
        }
        return ConverterQuality(
            kind: kind, sourceRate: source, sinkRate: sink, figures: figures, tailFrames: tail,
            speed: speeds.max() ?? 0, bareSpeed: bareSpeeds.max())
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

/// libsamplerate as a program without us would call it.
private final class BareLibrary {
    private let state: OpaquePointer
    private let ratio: Double

    init?(_ kind: ConverterKind, ratio: RateRatio, channels: Int) {
        let type: Int
        switch kind {
        case .polyphase: return nil
        case .samplerateFastest: type = SRC_SINC_FASTEST
        case .samplerateMedium: type = SRC_SINC_MEDIUM_QUALITY
        case .samplerateBest: type = SRC_SINC_BEST_QUALITY
        }
        var error: Int32 = 0
        guard let state = src_new(Int32(type), Int32(channels), &error) else { return nil }
        self.state = state
        self.ratio = Double(ratio.output) / Double(ratio.input)
    }

    deinit { src_delete(state) }

    func convert(
        _ input: UnsafePointer<Float>, frames: Int, _ output: UnsafeMutablePointer<Float>, capacity: Int
    ) -> (used: Int, made: Int) {
        var data = SRC_DATA()
        data.data_in = input
        data.input_frames = frames
        data.data_out = output
        data.output_frames = capacity
        data.src_ratio = ratio
        src_process(state, &data)
        return (data.input_frames_used, data.output_frames_gen)
    }
}
