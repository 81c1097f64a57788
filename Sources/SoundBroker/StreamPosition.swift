/// A place in a stream, exact also where a resampler is at work.
struct StreamPosition: Equatable {
    /// The first frame of the stream that has not been played; with a resampler the first of its block.
    var frame: UInt64
    /// Frames played beyond `frame`, at `rate`; less than one block.
    var phase: UInt32 = 0
    /// Hz, what `phase` counts in; 0 where it is 0.
    var rate: UInt32 = 0

    /// The whole frames of the stream, at `streamRate` Hz, that have been played.
    func wholeFrames(streamRate: UInt32) -> UInt64 {
        guard phase > 0, rate > 0 else { return frame }
        return frame + UInt64(phase) * UInt64(streamRate) / UInt64(rate)
    }

    /// The first frame to be played next at a sink of `sinkRate` Hz, counted there from the run's beginning at `base`.
    ///
    /// Every sink has a grid of its own that begins with the run: whoever goes on plays the very frames of the stream
    /// that is converted for its rate as a whole, from the first that does not lie before what was heard.
    func sinkFrames(since base: UInt64, streamRate: UInt32, at sinkRate: UInt32) -> UInt64 {
        guard streamRate > 0, sinkRate > 0, frame > base || phase > 0 else { return 0 }
        let whole = UInt128(frame - min(base, frame))
        let (count, countRate): (UInt128, UInt128) =
            phase > 0 && rate > 0
            // The block begins where frames of both rates meet.
            ? (whole * UInt128(rate) / UInt128(streamRate) + UInt128(phase), UInt128(rate))
            : (whole, UInt128(streamRate))
        return UInt64(clamping: (count * UInt128(sinkRate) + countRate - 1) / countRate)
    }
}
