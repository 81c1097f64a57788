/// How far a sum of streams has come, frames since its sink began; neither number ever goes back.
struct MixProgress {
    /// Have left the device's buffer.
    var played: UInt64 = 0
    /// Have been heard: at most `played`.
    var heard: UInt64 = 0
    /// From leaving the buffer to being heard, ns.
    var delayNanoseconds: UInt64 = 0
}

/// A stream of a sink that mixes by itself.
///
/// What was mixed cannot be told apart again, so nothing is ever taken back from the device: a stream that stops ends
/// with the last frame that was rendered for it, and says so when that one has been heard. That is exact whatever the
/// device knows of its own position in the meantime, and costs no more than the little that is kept ahead.
final class MixedStream: SinkStream {
    /// The most that shall be kept ahead, and how often it wants to be told and asked, frames.
    let bufferFrames: Int
    let periodFrames: Int
    private weak var client: (any SinkStreamClient)?
    private let changed: () -> Void
    private let closed: (MixedStream) -> Void
    private(set) var isRunning = false
    private(set) var gain: Float = 1
    private var placement = MixPlacement()
    private var reported: UInt64 = 0
    private var isDraining = false
    private var isStopped = false
    private var completion: ((UInt64) -> Void)?

    /// `changed` is called when the sink has to look whether there is something to do.
    init(
        _ configuration: SinkStreamConfiguration, client: any SinkStreamClient, changed: @escaping () -> Void,
        closed: @escaping (MixedStream) -> Void
    ) {
        bufferFrames = configuration.bufferFrames
        periodFrames = configuration.periodFrames
        self.client = client
        self.changed = changed
        self.closed = closed
    }

    /// Whether the sink has to move on for it: it plays, or wants to be told when something was heard.
    var isBusy: Bool { isRunning || isDraining || completion != nil }

    func setRunning(_ running: Bool) {
        guard running != isRunning, !isStopped else { return }
        isRunning = running
        changed()
    }

    func setGain(_ gain: Float) { self.gain = gain }

    func framesAvailable() { changed() }

    func rewind(_ frames: UInt64) -> Bool { false }

    var hasVoidFrames: Bool { false }

    func drain() {
        guard !isStopped else { return }
        isDraining = true
        changed()
    }

    func stop(_ completion: @escaping (UInt64) -> Void) {
        guard !isStopped else { return completion(reported) }
        end()
        self.completion = completion
        if placement.isEmpty { finish() }
        changed()
    }

    func close() {
        abandon()
        closed(self)
        changed()
    }

    /// The sink is gone, or goes now.
    func abandon() {
        end()
        client = nil
        finish()
    }

    private func end() {
        isRunning = false
        isDraining = false
        isStopped = true
    }

    /// Takes up to `frames` frames of floating point, which are to be at `mix` in the sum. RT safe as far as the client
    /// is.
    func render(into target: UnsafeMutablePointer<Float>, frames: Int, at mix: UInt64) -> Int {
        guard isRunning, !isDraining, !placement.isFull, let client else { return 0 }
        let count = client.render(into: target, frames: frames)
        if count > 0 { placement.place(count, at: mix) }
        return count
    }

    /// Tells the client how far it is. RT safe as far as the client is.
    func report(_ progress: MixProgress) {
        let played = placement.frames(before: progress.played)
        placement.forget(before: progress.heard)
        if played != reported {
            reported = played
            if !isStopped { client?.played(played, delayNanoseconds: progress.delayNanoseconds) }
        }
        guard placement.isEmpty else { return }
        if isDraining {
            isDraining = false
            client?.drained()
        }
        finish()
    }

    /// Answers who waits for the stream's end.
    private func finish() {
        let completion = self.completion
        self.completion = nil
        completion?(reported)
    }
}
