import SoundDSP
import SoundSinks

/// A client that has frames, gives them as it is asked, and notices what a sink must not do.
final class TestPlayer: SinkStreamClient {
    private(set) var frames: [UInt32]
    var stream: (any SinkStream)?
    /// How many it has by now.
    var available: Int
    private(set) var rendered = 0
    private(set) var played: UInt64 = 0
    /// How long it takes until the next frame is heard, as last told, ns.
    private(set) var delay: UInt64 = 0
    private(set) var isDrained = false
    private(set) var isLost = false
    private(set) var faults: [String] = []
    var onRender: (() -> Void)?
    var onPlayed: (() -> Void)?
    var onDrained: (() -> Void)?
    private let layout: SampleLayout
    private var isDrainAsked = false

    init(_ frames: [UInt32], layout: SampleLayout) {
        self.frames = frames
        self.layout = layout
        available = frames.count
    }

    /// From `first` on, the frames are others. The caller tells the sink.
    func replace(from first: Int, with frames: [UInt32]) {
        self.frames.replaceSubrange(first..., with: frames)
        rendered = first
    }

    func render(into target: UnsafeMutableRawPointer, frames wanted: Int) -> Int {
        onRender?()
        if wanted <= 0 { faults.append("asked for \(wanted) frames") }
        let count = max(0, min(wanted, available - rendered))
        for index in 0..<count { write(frames[rendered + index], to: target + index * layout.frameBytes) }
        rendered += count
        return count
    }

    private func write(_ frame: UInt32, to target: UnsafeMutableRawPointer) {
        if layout.format == .s16, layout.channels == 2 {
            target.storeBytes(of: frame, as: UInt32.self)
        } else {
            for channel in 0..<layout.channels {
                let sample = channel > 1 ? 0 : Int16(truncatingIfNeeded: frame >> (16 * UInt32(channel)))
                target.storeBytes(of: Float(sample) / 32768, toByteOffset: channel * 4, as: Float.self)
            }
        }
    }

    func played(_ frames: UInt64, delayNanoseconds: UInt64) {
        if frames < played { faults.append("went back from \(played) to \(frames)") }
        if frames > UInt64(rendered) { faults.append("played \(frames) of \(rendered) frames") }
        played = frames
        delay = delayNanoseconds
        onPlayed?()
        if rendered == self.frames.count, !isDrainAsked {
            isDrainAsked = true
            stream?.drain()
        }
    }

    func drained() {
        if isDrained { faults.append("drained twice") }
        if played != UInt64(frames.count) { faults.append("drained at \(played) of \(frames.count) frames") }
        isDrained = true
        onDrained?()
    }

    func lost() { isLost = true }
}

/// A client that keeps what is recorded, as stereo of 16 bits.
final class TestRecorder: CaptureStreamClient {
    private(set) var frames: [UInt32] = []
    var stream: (any CaptureStream)?
    var onCaptured: (() -> Void)?

    func captured(_ frames: UnsafeRawPointer, count: Int, delayNanoseconds: UInt64) {
        self.frames += (0..<count).map { frames.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        onCaptured?()
    }

    private(set) var isLost = false

    func lost() { isLost = true }
}
