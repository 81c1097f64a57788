/// Turns frames of one channel map into frames of another: the same loudspeakers in another order, a downmix as
/// `ChannelFold` says, or an upmix that leaves silent what the source does not have.
public struct ChannelMatrix: Sendable {
    public let source: ChannelMap
    public let sink: ChannelMap

    /// An input channel and its gain in an output channel.
    private struct Term {
        var channel: Int
        var gain: Float
    }

    /// Those of the first output channel, then of the next, each in the order of the input's channels.
    private let terms: [Term]
    /// Where the terms of each output channel end.
    private let ends: [Int]

    public init(from source: ChannelMap, to sink: ChannelMap) {
        self.source = source
        self.sink = sink
        var terms: [Term] = []
        var ends: [Int] = []
        // With the same map, position by position: so that also channels of unknown position pass.
        let shares = source.positions.map { ChannelFold.shares(of: $0, among: sink.positions) }
        for (output, position) in sink.positions.enumerated() {
            if source == sink {
                terms.append(Term(channel: output, gain: 1))
            } else if position != .unknown, position != .notAvailable {
                for (channel, shares) in shares.enumerated() {
                    for share in shares where share.position == position {
                        terms.append(Term(channel: channel, gain: share.gain))
                    }
                }
            }
            ends.append(terms.count)
        }
        self.terms = terms
        self.ends = ends
    }

    /// Frames pass unchanged.
    public var isIdentity: Bool { source == sink }

    /// The gain from an input channel to an output channel, by number; 0 where nothing passes.
    public func gain(from channel: Int, to output: Int) -> Float {
        let begin = output == 0 ? 0 : ends[output - 1]
        return terms[begin..<ends[output]].first { $0.channel == channel }?.gain ?? 0
    }

    /// Mixes `frames` interleaved frames; `input` and `output` must not overlap. A channel that is only moved keeps its
    /// bits. RT safe.
    public func apply(_ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, frames: Int) {
        let (inputs, outputs) = (source.channels, sink.channels)
        terms.withUnsafeBufferPointer { terms in
            var begin = 0
            for channel in 0..<outputs {
                let end = ends[channel]
                for frame in 0..<frames {
                    let samples = input + frame * inputs
                    // Not from 0 on: that would turn -0 into 0.
                    var sum = begin < end ? samples[terms[begin].channel] * terms[begin].gain : 0
                    for term in terms[begin..<end].dropFirst() { sum += samples[term.channel] * term.gain }
                    output[frame * outputs + channel] = sum
                }
                begin = end
            }
        }
    }
}
