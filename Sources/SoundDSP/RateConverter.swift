/// Turns interleaved frames of one sample rate into frames of another.
///
/// A converter begins with silence before its first frame and puts output frame k at input frame
/// k × `ratio.input` / `ratio.output`, without delay; so n input frames are worth
/// ceil(n × `ratio.output` / `ratio.input`) output frames once the tail is out.
public protocol RateConverter: AnyObject {
    var ratio: RateRatio { get }
    /// 1...8.
    var channels: Int { get }
    /// Input frames, a multiple of `ratio.input`, to be fed before a block's border, their output
    /// (`prerollFrames` / `ratio.input` × `ratio.output` frames) dropped, so that a fresh converter goes on
    /// bit-identically with one that ran through.
    var prerollFrames: Int { get }
    /// Input frames beyond an output frame's place that must have been fed before it is made.
    var lookaheadFrames: Int { get }

    /// Converts `frames` interleaved frames into at most `capacity`. Returns how many of each were used and made: it
    /// stops when the input is used up or the output full, whichever comes first. With `isLast` no more input
    /// follows, and the tail comes out, in several calls (without input) if the output is too small for it; it is
    /// out when less than `capacity` was made. Any sample value is allowed. RT safe.
    func convert(
        _ input: UnsafePointer<Float>, frames: Int, into output: UnsafeMutablePointer<Float>, capacity: Int,
        isLast: Bool
    ) -> (used: Int, made: Int)
}
