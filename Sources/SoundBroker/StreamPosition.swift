import SoundDSP

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
}
