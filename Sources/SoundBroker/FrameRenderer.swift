internal import SoundDSP

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
}

/// Stream and sink have the same rate and format: frames pass unchanged.
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
}

/// The sink has another rate: frames pass through a converter, in floating point.
final class ConvertingRenderer: FrameRenderer {
    private static let chunk = 1024

    private let ring: FrameRing
    private let converter: any RateConverter
    private let channels: Int
    private let sinkRate: UInt32
    /// The first frame of the block at which rendering began, and the frames of that block's output that had
    /// been played before.
    private let start: UInt64
    private let startPhase: Int
    /// Next frame to be read from the ring.
    private var next: UInt64
    /// Output that is thrown away: the pre-roll's, and what was played before.
    private var skip: Int
    /// Frames handed out so far.
    private var rendered: UInt64 = 0
    private var integers: [Int16]
    private var staged: [Float]
    private var stagedFrames = 0
    private var stagedOffset = 0
    private var discarded: [Float]
    var frameBytes: Int { SampleFormat.float32.bytes * channels }

    /// Begins at `position`; `base` is where the run began, before which there is nothing to pre-roll.
    init(
        ring: FrameRing, from streamRate: UInt32, to sinkRate: UInt32, channels: Int, position: StreamPosition,
        base: UInt64, kind: ConverterKind
    ) throws(ConverterFailure) {
        let ratio = RateRatio(from: streamRate, to: sinkRate)
        self.ring = ring
        self.channels = channels
        self.sinkRate = sinkRate
        converter = try kind.make(ratio: ratio, channels: channels)
        // A phase that counts another sink's frames becomes a place between two of ours, rounded to a frame.
        let sameRate = position.rate == sinkRate && Int(position.phase) < ratio.output
        start = sameRate ? position.frame : position.wholeFrames(streamRate: streamRate)
        startPhase = sameRate ? Int(position.phase) : 0
        // As many whole blocks as there are since the run began; before that there was silence, which a converter
        // begins with.
        let blocks = start >= base ? Int(min((start - base) / UInt64(ratio.input), 1 << 32)) : 0
        let preroll = min(converter.prerollFrames / ratio.input, blocks)
        next = start - UInt64(preroll * ratio.input)
        skip = preroll * ratio.output + startPhase
        integers = [Int16](repeating: 0, count: Self.chunk * channels)
        staged = [Float](repeating: 0, count: Self.chunk * channels)
        discarded = [Float](repeating: 0, count: Self.chunk * channels)
    }

    func render(into target: UnsafeMutableRawPointer, count: Int, end: UInt64, isLast: Bool) -> Int {
        let output = target.assumingMemoryBound(to: Float.self)
        let limit = isLast ? Int(clamping: total(end: end) - min(total(end: end), rendered)) : count
        let wanted = min(count, limit)
        var done = 0
        while done < wanted {
            if stagedOffset == stagedFrames { stage(end: end) }
            let isEnd = isLast && next >= end
            let frames = stagedFrames - stagedOffset
            if frames == 0 && !isEnd { break }
            let made = convert(
                frames: frames, isLast: isEnd, into: output + done * channels, capacity: wanted - done)
            if made.used == 0 && made.made == 0 { break }
            done += made.kept
        }
        rendered += UInt64(done)
        return done
    }

    private func convert(
        frames: Int, isLast: Bool, into output: UnsafeMutablePointer<Float>, capacity: Int
    ) -> (used: Int, made: Int, kept: Int) {
        staged.withUnsafeBufferPointer { staged in
            discarded.withUnsafeMutableBufferPointer { discarded in
                guard let input = staged.baseAddress, let dump = discarded.baseAddress else { return (0, 0, 0) }
                let dropping = skip > 0
                let result = converter.convert(
                    input + stagedOffset * channels, frames: frames, into: dropping ? dump : output,
                    capacity: dropping ? min(skip, Self.chunk) : capacity, isLast: isLast)
                stagedOffset += result.used
                if dropping { skip -= result.made }
                return (result.used, result.made, dropping ? 0 : result.made)
            }
        }
    }

    private func stage(end: UInt64) {
        stagedOffset = 0
        stagedFrames = 0
        guard end > next else { return }
        let frames = Int(min(end - next, UInt64(Self.chunk)))
        integers.withUnsafeMutableBufferPointer { integers in
            staged.withUnsafeMutableBufferPointer { staged in
                guard let source = integers.baseAddress, let target = staged.baseAddress else { return }
                ring.copy(from: next, count: frames, to: source)
                SampleConversion.s16ToFloat(source, target, count: frames * channels)
            }
        }
        stagedFrames = frames
        next += UInt64(frames)
    }

    /// Frames that the stream from `start` to `end` is worth at the sink's rate, less those played before: the
    /// converter's own tail is a frame longer.
    private func total(end: UInt64) -> UInt64 {
        guard end > start else { return 0 }
        let input = UInt64(converter.ratio.input)
        let whole = ((end - start) * UInt64(converter.ratio.output) + input - 1) / input
        return whole - min(whole, UInt64(startPhase))
    }

    func position(played frames: UInt64) -> StreamPosition {
        let output = UInt64(converter.ratio.output)
        let count = UInt64(startPhase) + frames
        return StreamPosition(
            frame: start + count / output * UInt64(converter.ratio.input), phase: UInt32(count % output),
            rate: sinkRate)
    }

    func isExhausted(end: UInt64) -> Bool { rendered >= total(end: end) }
}
