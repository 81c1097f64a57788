/// Where in a sum of streams the frames of one of them went, so that what is known of the sum (written, played, heard)
/// tells the same of the stream, to the frame.
///
/// A stream that never starves is one run; each gap begins another. RT safe: the memory is fixed, and whoever finds it
/// full waits until something has been heard.
struct MixPlacement {
    private struct Run {
        /// Where it begins in the sum, and in the stream.
        var mix: UInt64
        var stream: UInt64
        var count: UInt64
    }

    /// As many gaps within what a device has ahead are more than can be told from noise.
    private static let capacity = 64
    private var runs = [Run](repeating: Run(mix: 0, stream: 0, count: 0), count: capacity)
    private var first = 0
    private var used = 0
    /// Frames of the stream that were placed in all.
    private(set) var frames: UInt64 = 0

    /// Whether nothing is left that was not forgotten.
    var isEmpty: Bool { used == 0 }
    var isFull: Bool { used == Self.capacity }

    /// The stream's next `count` frames begin at `mix`, behind all that were placed before. Not while `isFull`.
    mutating func place(_ count: Int, at mix: UInt64) {
        let count = UInt64(count)
        let last = (first + used + Self.capacity - 1) % Self.capacity
        if used > 0, runs[last].mix + runs[last].count == mix {
            runs[last].count += count
        } else {
            precondition(!isFull, "the caller has looked")
            runs[(first + used) % Self.capacity] = Run(mix: mix, stream: frames, count: count)
            used += 1
        }
        frames += count
    }

    /// How many frames of the stream lie before `mix`, which is nowhere that was forgotten.
    func frames(before mix: UInt64) -> UInt64 {
        var result = frames
        for offset in 0..<used {
            let run = runs[(first + used - 1 - offset) % Self.capacity]
            if mix >= run.mix { return run.stream + min(run.count, mix - run.mix) }
            result = run.stream
        }
        return result
    }

    /// Nobody will ask for less than `mix` any more.
    mutating func forget(before mix: UInt64) {
        while used > 0, runs[first].mix + runs[first].count <= mix {
            first = (first + 1) % Self.capacity
            used -= 1
        }
    }
}
