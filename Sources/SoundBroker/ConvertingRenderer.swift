internal import SoundDSP
internal import SoundSinks

/// Stream and sink differ in rate, format or channels: frames pass through floating point.
///
/// What it renders is the stream of the whole run, from some frame on: sink frame k is the same whatever was rendered
/// before by whom, since converters go on bit-identically after `prerollFrames`.
final class ConvertingRenderer: FrameRenderer {
    private static let chunk = 1024

    private let ring: FrameRing
    private let format: SampleFormat
    private let layout: SampleLayout
    private let matrix: ChannelMatrix
    private let ratio: RateRatio
    private let sinkRate: UInt32
    /// `nil` where the rates are the same.
    private let converter: (any RateConverter)?
    /// Where the run began, and the sink frames that had been played since, before this renderer's first.
    private let base: UInt64
    private let before: UInt64
    /// Next frame to be read from the ring.
    private var next: UInt64
    /// Output that is thrown away: the pre-roll's, and what was played before.
    private var skip: Int
    /// Frames handed out so far.
    private var rendered: UInt64 = 0
    private var stagedFrames = 0
    private var stagedOffset = 0
    /// The stream's own bytes; as floating point; in the sink's channels; what has been converted, or is dropped.
    private let raw: UnsafeMutableRawPointer
    private let decoded: UnsafeMutablePointer<Float>
    private let staged: UnsafeMutablePointer<Float>
    private let converted: UnsafeMutablePointer<Float>
    var frameBytes: Int { layout.frameBytes }

    /// What a stream is.
    struct Source {
        var format: SampleFormat
        var channelMap: ChannelMap
        /// Hz.
        var rate: UInt32
    }

    /// Begins at `position`; `base` is where the run began, before which there is nothing to pre-roll.
    init(
        ring: FrameRing, source: Source, layout: SampleLayout, sinkRate: UInt32, position: StreamPosition,
        base: UInt64, kind: ConverterKind
    ) throws(ConverterFailure) {
        self.ring = ring
        self.layout = layout
        self.sinkRate = sinkRate
        self.base = base
        format = source.format
        matrix = ChannelMatrix(from: source.channelMap, to: layout.channelMap)
        ratio = RateRatio(from: source.rate, to: sinkRate)
        converter = ratio.isIdentity ? nil : try kind.make(ratio: ratio, channels: layout.channels)
        before = position.sinkFrames(since: base, streamRate: source.rate, at: sinkRate)
        let blocks = before / UInt64(ratio.output)
        let start = base + blocks * UInt64(ratio.input)
        let preroll = min(UInt64(converter?.prerollFrames ?? 0), start - base)
        next = start - preroll
        skip = Int(preroll) / ratio.input * ratio.output + Int(before % UInt64(ratio.output))
        raw = .allocate(byteCount: Self.chunk * ring.frameBytes, alignment: 16)
        let samples = Self.chunk * max(layout.channels, source.channelMap.channels)
        decoded = .allocate(capacity: samples)
        staged = .allocate(capacity: samples)
        converted = .allocate(capacity: samples)
        for buffer in [decoded, staged, converted] { buffer.initialize(repeating: 0, count: samples) }
    }

    deinit {
        raw.deallocate()
        for buffer in [decoded, staged, converted] { buffer.deallocate() }
    }

    func render(into target: UnsafeMutableRawPointer, count: Int, end: UInt64, isLast: Bool) -> Int {
        let rest = isLast ? Int(clamping: total(end: end) - min(total(end: end), rendered)) : count
        let wanted = min(count, rest)
        var done = 0
        while done < wanted {
            if stagedOffset == stagedFrames { stage(end: end) }
            let isEnd = isLast && next >= end
            if stagedFrames == stagedOffset && !(isEnd && converter != nil) { break }
            let step = min(skip > 0 ? skip : wanted - done, Self.chunk)
            let (used, made) = convert(capacity: step, isLast: isEnd)
            stagedOffset += used
            if used == 0 && made == 0 { break }
            if skip > 0 {
                skip -= made
            } else {
                SampleConversion.fromFloat(
                    converted, target + done * frameBytes, layout.format, count: made * layout.channels)
                done += made
            }
        }
        rendered += UInt64(done)
        return done
    }

    /// Makes at most `capacity` frames in `converted` of what is staged.
    private func convert(capacity: Int, isLast: Bool) -> (used: Int, made: Int) {
        let input = staged + stagedOffset * layout.channels
        let frames = stagedFrames - stagedOffset
        if let converter {
            return converter.convert(input, frames: frames, into: converted, capacity: capacity, isLast: isLast)
        }
        let count = min(frames, capacity)
        converted.update(from: input, count: count * layout.channels)
        return (count, count)
    }

    private func stage(end: UInt64) {
        stagedOffset = 0
        stagedFrames = 0
        guard end > next else { return }
        let frames = Int(min(end - next, UInt64(Self.chunk), ring.frames))
        ring.copy(from: next, count: frames, to: raw)
        SampleConversion.toFloat(raw, format, decoded, count: frames * matrix.source.channels)
        matrix.apply(decoded, staged, frames: frames)
        stagedFrames = frames
        next += UInt64(frames)
    }

    /// Frames that the run up to `end` is worth at the sink's rate, less those played before: a converter's own tail may
    /// be a frame longer.
    private func total(end: UInt64) -> UInt64 {
        guard end > base else { return 0 }
        let whole = (UInt128(end - base) * UInt128(ratio.output) + UInt128(ratio.input) - 1) / UInt128(ratio.input)
        return UInt64(clamping: whole) - min(UInt64(clamping: whole), before)
    }

    func position(played frames: UInt64) -> StreamPosition {
        let (blocks, phase) = (before + frames).quotientAndRemainder(dividingBy: UInt64(ratio.output))
        return StreamPosition(
            frame: base + blocks * UInt64(ratio.input), phase: UInt32(phase), rate: phase > 0 ? sinkRate : 0)
    }

    func isExhausted(end: UInt64) -> Bool { rendered >= total(end: end) }

    func isDry(end: UInt64, played frames: UInt64) -> Bool {
        // What the filter keeps back comes when more follows; if nothing does, the buffer has run empty.
        next >= end && stagedOffset == stagedFrames && frames >= rendered
    }

    func rewind(to end: UInt64) -> UInt64? {
        // Frames that were fed cannot be taken back out of a filter.
        end >= next ? 0 : nil
    }
}
