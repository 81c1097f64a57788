/// A conversion of sample rates in lowest terms: `input` frames become `output` frames, again and again.
///
/// 44.1 kHz to 48 kHz is 147 to 160. At the end of each such block a converter stands exactly between two
/// frames on both sides, which is why a fresh one can take over there.
public struct RateRatio: Sendable, Hashable, CustomStringConvertible {
    /// Frames of a block at the source's rate.
    public let input: Int
    /// Frames of the same block at the sink's rate.
    public let output: Int

    /// Rates in Hz, both above 0.
    public init(from source: UInt32, to sink: UInt32) {
        precondition(source > 0 && sink > 0, "a sample rate is never 0")
        var (a, b) = (source, sink)
        while b != 0 { (a, b) = (b, a % b) }
        input = Int(source / a)
        output = Int(sink / a)
    }

    public var isIdentity: Bool { input == output }

    /// Input frames for each output frame where the rate falls, 1 where it rises: by so much a filter that keeps
    /// below the lower rate's Nyquist frequency is longer, in input frames.
    var stretch: Double { max(1, Double(input) / Double(output)) }

    /// The shortest whole number of blocks, in input frames, that holds `frames`.
    func wholeBlocks(holding frames: Int) -> Int { (frames + input - 1) / input * input }

    public var description: String { "\(input):\(output)" }
}
