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

    /// Leaves `frames` frames in `mixed`, silent where no stream has any. Returns how many at least one stream had.
    /// RT safe as far as the clients are.
    func mix(_ streams: [MixedStream], frames: Int) -> Int {
        precondition(frames <= maximumFrames, "no more than there is room for")
        mixed.update(repeating: 0, count: frames * channels)
        var longest = 0
        for stream in streams where stream.isRunning {
            let count = stream.render(into: rendered, frames: frames)
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
}

/// A stream of a sink that mixes by itself: it takes frames only when they are about to be played, so what was
/// rendered is what was played.
final class MixedStream: SinkStream {
    private weak var client: (any SinkStreamClient)?
    private let changed: () -> Void
    private let closed: (MixedStream) -> Void
    private(set) var isRunning = false
    private(set) var gain: Float = 1
    private var played: UInt64 = 0
    private var reported: UInt64 = 0
    private var isDraining = false
    private var isDrained = false
    private var isStopped = false

    init(
        client: any SinkStreamClient, changed: @escaping () -> Void, closed: @escaping (MixedStream) -> Void
    ) {
        self.client = client
        self.changed = changed
        self.closed = closed
    }

    func setRunning(_ running: Bool) {
        isRunning = running && !isStopped
        changed()
    }

    func setGain(_ gain: Float) { self.gain = gain }

    // The next turn asks again.
    func framesAvailable() {}

    // What was rendered was played.
    func rewind(_ frames: UInt64) -> Bool { false }

    func drain() { isDraining = true }

    func stop(_ completion: @escaping (UInt64) -> Void) {
        isStopped = true
        setRunning(false)
        completion(played)
    }

    func close() {
        isRunning = false
        client = nil
        closed(self)
        changed()
    }

    /// Takes up to `frames` frames of floating point.
    func render(into target: UnsafeMutablePointer<Float>, frames: Int) -> Int {
        guard let client else { return 0 }
        let count = client.render(into: target, frames: frames)
        played += UInt64(count)
        if isDraining, count < frames {
            isDraining = false
            isDrained = true
        }
        return count
    }

    /// Tells the client what was played, after it has been handed on.
    func report(delayNanoseconds: UInt64) {
        if played != reported {
            reported = played
            client?.played(played, delayNanoseconds: delayNanoseconds)
        }
        if isDrained {
            isDrained = false
            client?.drained()
        }
    }
}
