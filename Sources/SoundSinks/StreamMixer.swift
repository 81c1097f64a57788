/// Sums streams in floating point. Whoever turns the sum into integers saturates.
final class StreamMixer {
    let mixed: UnsafeMutablePointer<Float>
    private let rendered: UnsafeMutablePointer<Float>
    private let channels: Int
    private let maximumFrames: Int

    /// For at most `maximumFrames` frames at a time.
    init(channels: Int, maximumFrames: Int) {
        self.channels = channels
        self.maximumFrames = maximumFrames
        mixed = .allocate(capacity: channels * maximumFrames)
        mixed.initialize(repeating: 0, count: channels * maximumFrames)
        rendered = .allocate(capacity: channels * maximumFrames)
        rendered.initialize(repeating: 0, count: channels * maximumFrames)
    }

    deinit {
        mixed.deallocate()
        rendered.deallocate()
    }

    /// Leaves in `mixed` the sum's frames from `position` on, silent where no stream has any. Returns how many at least
    /// one stream had. RT safe as far as the clients are.
    func mix(_ streams: [MixedStream], at position: UInt64, frames: Int) -> Int {
        silence(frames)
        var longest = 0
        for stream in streams where stream.isRunning {
            let count = stream.render(into: rendered, frames: frames, at: position)
            let gain = stream.gain
            if gain == 1 {
                for index in 0..<count * channels { mixed[index] += rendered[index] }
            } else if gain != 0 {
                for index in 0..<count * channels { mixed[index] += rendered[index] * gain }
            }
            longest = max(longest, count)
        }
        return longest
    }

    /// Leaves `frames` silent frames in `mixed`. RT safe.
    func silence(_ frames: Int) {
        precondition(frames <= maximumFrames, "no more than there is room for")
        mixed.update(repeating: 0, count: frames * channels)
    }
}
