internal import Synchronization

/// The coefficients of a polyphase low-pass filter, one row for each output frame of a block.
///
/// A sinc under a Kaiser window: A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing", section 7.6, for
/// the window's shape and length from the attenuation and the width of the transition. Pass and stop edges are fractions
/// of the lower rate's Nyquist frequency, so a filter that decimates is longer by the rates' ratio. Everything is
/// computed by the four operations and square roots, which IEEE 754 rounds exactly: each host has the same table.
final class PolyphaseFilter: Sendable {
    /// dB. Below what 24 bits can tell.
    private static let attenuation = 140.0
    /// Of the lower Nyquist frequency: 20 kHz at 44.1 kHz.
    private static let passEdge = 0.907
    private static let stopEdge = 1.0
    /// Rows are a multiple of this long, for `DotProduct`.
    static let granule = 16
    /// Coefficients of the largest table: 4 MiB, enough for every pair of ALSA's rates between 8 and 192 kHz.
    static let largestTable = 1 << 20

    /// Coefficients of a row, a multiple of `granule`.
    let taps: Int
    /// Row k belongs to the block's output frame k: its input frames are in the order in which they came, the first is
    /// `taps` / 2 - 1 before the frame at or just before the output frame's place.
    let rows: [Float]

    private init(ratio: RateRatio, taps: Int) {
        self.taps = taps
        let cutoff = ratio.isIdentity ? 1 : (Self.passEdge + Self.stopEdge) / 2 / ratio.stretch
        let window = KaiserWindow(attenuation: Self.attenuation, halfWidth: Double(taps / 2))
        var rows = [Float](repeating: 0, count: ratio.output * taps)
        var row = [Double](repeating: 0, count: taps)
        for output in 0..<ratio.output {
            let phase = output * ratio.input % ratio.output
            var sum = 0.0
            for first in stride(from: 0, to: taps, by: 8) {
                // From the output frame's place, in input frames.
                let steps = SIMD8<Double>(0, 1, 2, 3, 4, 5, 6, 7) + Double(first - taps / 2 + 1)
                let distance = steps - Double(phase) / Double(ratio.output)
                let values = Trigonometry.sinc(distance * cutoff) * window.values(at: distance)
                for lane in 0..<8 {
                    row[first + lane] = values[lane]
                    sum += values[lane]
                }
            }
            // Each row alike at 0 Hz, or a constant would come out as a tone.
            for tap in 0..<taps { rows[output * taps + tap] = Float(row[tap] / sum) }
        }
        self.rows = rows
    }

    // MARK: Shared by all converters of a ratio

    private struct Entry {
        let ratio: RateRatio
        let filter: PolyphaseFilter
    }

    /// The last used at the end.
    private static let recent = Mutex<[Entry]>([])
    private static let kept = 8

    /// The filter of a ratio, computed if no recent converter had it: 1 to 20 ms, and a lock.
    static func shared(_ ratio: RateRatio) throws(ConverterFailure) -> PolyphaseFilter {
        let transition = (stopEdge - passEdge) / 2
        let length = (attenuation - 7.95) / (14.36 * transition) * ratio.stretch
        let taps = (Int(length) / granule + 1) * granule
        guard ratio.output <= largestTable / taps else { throw .tooManyPhases(ratio) }
        return recent.withLock { recent in
            let place = recent.firstIndex { $0.ratio == ratio }
            let entry =
                place.map { recent.remove(at: $0) }
                ?? Entry(ratio: ratio, filter: PolyphaseFilter(ratio: ratio, taps: taps))
            recent.append(entry)
            if recent.count > kept { recent.removeFirst() }
            return entry.filter
        }
    }
}
