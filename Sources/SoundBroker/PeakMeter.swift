internal import SoundDSP
internal import SoundSinks

/// The highest samples of a stream, as long as somebody looks.
final class PeakMeter {
    private var peaks: [Float] = []
    /// Calls of `measure` for which nobody asked; measuring stops when there were many.
    private var unasked = Int.max
    private static let patience = 2000
    private let scratch: UnsafeMutablePointer<Float>
    private static let chunk = 512

    init() {
        scratch = .allocate(capacity: Self.chunk)
        scratch.initialize(repeating: 0, count: Self.chunk)
        peaks.reserveCapacity(8)
    }

    deinit { scratch.deallocate() }

    /// RT safe.
    func measure(_ frames: UnsafeRawPointer, count: Int, _ layout: SampleLayout) {
        guard unasked < Self.patience else { return }
        unasked += 1
        let channels = layout.channels
        if peaks.count != channels { peaks = [Float](repeating: 0, count: channels) }
        let step = Self.chunk / channels
        var done = 0
        while done < count {
            let part = min(step, count - done)
            SampleConversion.toFloat(
                frames + done * layout.frameBytes, layout.format, scratch, count: part * channels)
            for frame in 0..<part {
                for channel in 0..<channels {
                    peaks[channel] = max(peaks[channel], abs(scratch[frame * channels + channel]))
                }
            }
            done += part
        }
    }

    /// What was measured since the last time. Begins to measure if it did not.
    func take() -> [Float] {
        unasked = 0
        let taken = peaks
        for channel in peaks.indices { peaks[channel] = 0 }
        return taken
    }
}
