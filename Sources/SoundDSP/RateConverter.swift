internal import CSampleRate

/// libsamplerate, fed in whole blocks of the ratio.
///
/// A converter that starts at a block's border and is fed the block before it as pre-roll, whose output is
/// thrown away, goes on bit-identically with one that ran through: a session's move needs no filter state,
/// only the position. (Tests/SoundDSPTests shows it for each quality.)
public final class RateConverter {
    public enum Quality: Sendable, CaseIterable {
        case fastest, medium, best

        var type: Int32 {
            switch self {
            case .fastest: Int32(SRC_SINC_FASTEST)
            case .medium: Int32(SRC_SINC_MEDIUM_QUALITY)
            case .best: Int32(SRC_SINC_BEST_QUALITY)
            }
        }
    }

    public enum Failure: Error { case outOfMemory }

    public let ratio: RateRatio
    public let channels: Int
    private let state: OpaquePointer

    /// The only part that allocates.
    public init(ratio: RateRatio, channels: Int, quality: Quality) throws(Failure) {
        var error: Int32 = 0
        guard let state = src_new(quality.type, Int32(channels), &error) else { throw .outOfMemory }
        self.state = state
        self.ratio = ratio
        self.channels = channels
    }

    deinit { src_delete(state) }

    /// Converts interleaved frames. Returns how many of each were used and made; `isLast` lets the filter's
    /// tail out. RT safe.
    public func convert(
        _ input: UnsafePointer<Float>, frames: Int, into output: UnsafeMutablePointer<Float>, capacity: Int,
        isLast: Bool
    ) -> (used: Int, made: Int) {
        var data = SRC_DATA()
        data.data_in = input
        data.input_frames = frames
        data.data_out = output
        data.output_frames = capacity
        data.src_ratio = Double(ratio.output) / Double(ratio.input)
        data.end_of_input = isLast ? 1 : 0
        // Fails only for null pointers and ratios out of range, which cannot be.
        guard src_process(state, &data) == 0 else { return (frames, 0) }
        return (data.input_frames_used, data.output_frames_gen)
    }
}
