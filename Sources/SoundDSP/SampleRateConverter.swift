internal import CSampleRate

/// libsamplerate's sinc converters, with an end of input that counts right.
///
/// Bit-identical across a seam only for a time: libsamplerate's position is a sum of rounded steps, and leaves the exact
/// one by a step of its filter after 44 s (64 to 176.4 kHz, best) to a day (44.1 to 48 kHz, fastest). A difference then
/// is in the last bits; docs/converters.md has the times. `PolyphaseConverter` has no such limit.
public final class SampleRateConverter: RateConverter {
    public enum Quality: Sendable, CaseIterable {
        case fastest, medium, best

        var type: Int32 {
            switch self {
            case .fastest: Int32(SRC_SINC_FASTEST)
            case .medium: Int32(SRC_SINC_MEDIUM_QUALITY)
            case .best: Int32(SRC_SINC_BEST_QUALITY)
            }
        }

        /// Half the filter in its own steps, and the steps of one frame: the sizes of libsamplerate 0.2.2's
        /// tables, in its src/fastest_coeffs.h, mid_qual_coeffs.h and high_qual_coeffs.h.
        var halfFilter: (steps: Int, perFrame: Int) {
            switch self {
            case .fastest: (2464, 128)
            case .medium: (22438, 491)
            case .best: (340_239, 2381)
            }
        }
    }

    public let ratio: RateRatio
    public let channels: Int
    public let prerollFrames: Int
    public let lookaheadFrames: Int
    private let state: OpaquePointer
    /// Fed behind the end, for the tail. libsamplerate's own `end_of_input` drops the last frame or not, depending
    /// on the count of channels.
    private let silence: UnsafeMutablePointer<Float>
    private static let silenceFrames = 256
    /// Frames taken and given, less the whole blocks among both.
    private var taken = 0
    private var given = 0

    /// The only part that allocates.
    public init(ratio: RateRatio, channels: Int, quality: Quality) throws(ConverterFailure) {
        var error: Int32 = 0
        guard let state = src_new(quality.type, Int32(channels), &error) else { throw .outOfMemory }
        self.state = state
        self.ratio = ratio
        self.channels = channels
        let half = quality.halfFilter
        // As libsamplerate counts it: two steps more, rounded, and a frame more.
        let frames = (Double(half.steps + 2) / Double(half.perFrame) * ratio.stretch).rounded()
        lookaheadFrames = Int(frames) + 1
        prerollFrames = ratio.wholeBlocks(holding: lookaheadFrames)
        silence = .allocate(capacity: Self.silenceFrames * channels)
        silence.initialize(repeating: 0, count: Self.silenceFrames * channels)
    }

    deinit {
        src_delete(state)
        silence.deallocate()
    }

    public func convert(
        _ input: UnsafePointer<Float>, frames: Int, into output: UnsafeMutablePointer<Float>, capacity: Int,
        isLast: Bool
    ) -> (used: Int, made: Int) {
        let end = isLast ? min(capacity, owed(with: frames)) : capacity
        let result = process(input, frames: frames, into: output, capacity: end)
        count(taken: result.used, given: result.made)
        guard isLast, capacity > 0 else { return result }
        var made = result.made
        while made < end {
            let tail = process(
                silence, frames: Self.silenceFrames, into: output + made * channels, capacity: end - made)
            guard tail.used > 0 || tail.made > 0 else { break }
            made += tail.made
            count(taken: 0, given: tail.made)
        }
        // Where nothing is owed any more, input may be left that no output frame would hear.
        return made < capacity ? (frames, made) : (result.used, made)
    }

    /// The output frames that are still to be made when the input ends after `frames` more.
    private func owed(with frames: Int) -> Int {
        ((taken + frames) * ratio.output + ratio.input - 1) / ratio.input - given
    }

    private func process(
        _ input: UnsafePointer<Float>, frames: Int, into output: UnsafeMutablePointer<Float>, capacity: Int
    ) -> (used: Int, made: Int) {
        var data = SRC_DATA()
        data.data_in = input
        data.input_frames = frames
        data.data_out = output
        data.output_frames = capacity
        data.src_ratio = Double(ratio.output) / Double(ratio.input)
        // Fails only for null pointers and ratios out of range, which cannot be.
        guard src_process(state, &data) == 0 else { return (frames, 0) }
        return (data.input_frames_used, data.output_frames_gen)
    }

    private func count(taken frames: Int, given made: Int) {
        taken += frames
        given += made
        let blocks = min(taken / ratio.input, given / ratio.output)
        taken -= blocks * ratio.input
        given -= blocks * ratio.output
    }
}
