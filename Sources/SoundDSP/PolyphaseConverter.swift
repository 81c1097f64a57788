/// A rate converter whose only state is whole numbers and the last input frames.
///
/// The place between two input frames is a fraction of the rates' ratio, counted exactly; so an output frame is a
/// function of the input frames under the filter and of its number in its block, whatever came before and however it
/// was fed. After `prerollFrames` a fresh converter gives the same bits as one that ran for years, on another host too.
public final class PolyphaseConverter: RateConverter {
    public let ratio: RateRatio
    public let channels: Int
    public let prerollFrames: Int
    public var lookaheadFrames: Int { half }
    private let filter: PolyphaseFilter
    private let taps: Int
    private let half: Int
    /// Frames of one channel's room in `samples`.
    private let room: Int
    /// One channel after the other, for the sake of vectors.
    private let samples: UnsafeMutablePointer<Float>
    /// Of each channel: where the next output frame's window begins, and how many frames there are.
    private var start = 0
    private var filled: Int
    /// The next output frame's number in its block.
    private var row = 0
    /// The input has ended, and silence stands behind it.
    private var isEnded = false

    /// 1...8 channels. The only part that allocates or locks.
    public init(ratio: RateRatio, channels: Int) throws(ConverterFailure) {
        precondition((1...8).contains(channels), "1 to 8 channels, not \(channels)")
        filter = try PolyphaseFilter.shared(ratio)
        self.ratio = ratio
        self.channels = channels
        taps = filter.taps
        half = taps / 2
        prerollFrames = ratio.wholeBlocks(holding: half - 1)
        room = taps + max(taps, 1024)
        samples = .allocate(capacity: room * channels)
        samples.initialize(repeating: 0, count: room * channels)
        // Silence before the first frame.
        filled = half - 1
    }

    deinit { samples.deallocate() }

    public func convert(
        _ input: UnsafePointer<Float>, frames: Int, into output: UnsafeMutablePointer<Float>, capacity: Int,
        isLast: Bool
    ) -> (used: Int, made: Int) {
        var used = 0
        var made = 0
        while true {
            made += produce(into: output + made * channels, capacity: capacity - made)
            if made == capacity { break }
            if used < frames {
                let taken = take(input + used * channels, frames: frames - used)
                if taken == 0 { break }
                used += taken
            } else if isLast, !isEnded {
                finish()
            } else {
                break
            }
        }
        return (used, made)
    }

    private func produce(into output: UnsafeMutablePointer<Float>, capacity: Int) -> Int {
        let last = filled - taps
        let (inputFrames, outputFrames) = (ratio.input, ratio.output)
        return filter.rows.withUnsafeBufferPointer { rows in
            guard let rows = rows.baseAddress else { return 0 }
            var made = 0
            while made < capacity, start <= last {
                let weights = rows + row * taps
                let target = output + made * channels
                var channel = 0
                while channel + 1 < channels {
                    let window = samples + channel * room + start
                    (target[channel], target[channel + 1]) = DotProduct.two(weights, window, window + room, count: taps)
                    channel += 2
                }
                if channel < channels {
                    target[channel] = DotProduct.one(weights, samples + channel * room + start, count: taps)
                }
                start += (row + 1) * inputFrames / outputFrames - row * inputFrames / outputFrames
                row = row + 1 == outputFrames ? 0 : row + 1
                made += 1
            }
            return made
        }
    }

    /// Takes input in, as far as there is room.
    private func take(_ input: UnsafePointer<Float>, frames: Int) -> Int {
        guard !isEnded else { return 0 }
        if filled == room { compact() }
        let count = min(frames, room - filled)
        for channel in 0..<channels {
            let target = samples + channel * room + filled
            for frame in 0..<count { target[frame] = input[frame * channels + channel] }
        }
        filled += count
        return count
    }

    /// Puts silence behind the last frame, enough for the window of an output frame at its place. Every full window was
    /// used before, so that there is room once compacted.
    private func finish() {
        compact()
        isEnded = true
        for channel in 0..<channels { (samples + channel * room + filled).update(repeating: 0, count: half) }
        filled += half
    }

    /// Moves what is still needed to the front.
    private func compact() {
        for channel in 0..<channels {
            let base = samples + channel * room
            base.update(from: base + start, count: filled - start)
        }
        filled -= start
        start = 0
    }
}
