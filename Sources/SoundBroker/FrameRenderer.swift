internal import SoundDSP
internal import SoundSinks

/// Turns a stream's frames into a sink stream's, and a sink's count of frames back into a place in the stream.
protocol FrameRenderer: AnyObject {
    /// Bytes of one rendered frame.
    var frameBytes: Int { get }
    /// Renders up to `count` frames from what lies in the ring before `end`. RT safe.
    func render(into target: UnsafeMutableRawPointer, count: Int, end: UInt64, isLast: Bool) -> Int
    /// Where the stream stands when the sink has played `frames` frames.
    func position(played frames: UInt64) -> StreamPosition
    /// Whether all frames before `end` have been rendered, given that they are the last.
    func isExhausted(end: UInt64) -> Bool
    /// Whether a sink that has played `frames` frames has nothing more, and cannot have before there is more after `end`.
    func isDry(end: UInt64, played frames: UInt64) -> Bool
    /// Frames of the sink's that lie beyond the place `end` of the stream, which the program has gone back to: rendered,
    /// and to be rendered anew. `nil` where that cannot be told.
    func rewind(to end: UInt64) -> UInt64?
}

/// Stream and sink have the same rate and layout: frames pass unchanged.
final class DirectRenderer: FrameRenderer {
    private let ring: FrameRing
    private let start: UInt64
    private var next: UInt64
    var frameBytes: Int { ring.frameBytes }

    init(ring: FrameRing, start: UInt64) {
        self.ring = ring
        self.start = start
        next = start
    }

    func render(into target: UnsafeMutableRawPointer, count: Int, end: UInt64, isLast: Bool) -> Int {
        guard end > next else { return 0 }
        let frames = Int(min(end - next, UInt64(count), ring.frames))
        ring.copy(from: next, count: frames, to: target)
        next += UInt64(frames)
        return frames
    }

    func position(played frames: UInt64) -> StreamPosition { StreamPosition(frame: start + frames) }

    func isExhausted(end: UInt64) -> Bool { next >= end }

    func isDry(end: UInt64, played frames: UInt64) -> Bool { start + frames >= end }

    func rewind(to end: UInt64) -> UInt64? {
        guard end < next, end >= start else { return end < next ? nil : 0 }
        let frames = next - end
        next = end
        return frames
    }
}
