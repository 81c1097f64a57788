internal import SoundDSP
internal import SoundSinks

/// One stream's part of a tap: what was rendered and has not been played yet.
final class TapFeed {
    private static let chunk = 512

    private let tap: SoundTap
    private let layout: SampleLayout
    private let matrix: ChannelMatrix
    /// A ring of samples.
    private let waiting: UnsafeMutableBufferPointer<Float>
    private var first = 0
    private var count = 0
    /// Frames that have been played since the sink's stream began.
    private var played: UInt64
    private var place: Int?
    private let decoded: UnsafeMutablePointer<Float>
    private let mixed: UnsafeMutablePointer<Float>

    /// Of a stream whose frames look like `layout`; `rendered` of them had been rendered before, and are not heard here.
    /// `capacity` is the most that is rendered ahead of what is played, frames.
    init(_ tap: SoundTap, _ layout: SampleLayout, rendered: UInt64, capacity: Int) {
        self.tap = tap
        self.layout = layout
        matrix = ChannelMatrix(from: layout.channelMap, to: tap.channelMap)
        played = rendered
        waiting = .allocate(capacity: max(1, capacity) * tap.channelMap.channels)
        waiting.initialize(repeating: 0)
        decoded = .allocate(capacity: Self.chunk * layout.channels)
        mixed = .allocate(capacity: Self.chunk * tap.channelMap.channels)
        decoded.initialize(repeating: 0, count: Self.chunk * layout.channels)
        mixed.initialize(repeating: 0, count: Self.chunk * tap.channelMap.channels)
    }

    deinit {
        waiting.deallocate()
        decoded.deallocate()
        mixed.deallocate()
    }

    /// RT safe.
    func rendered(_ frames: UnsafeRawPointer, count added: Int) {
        var done = 0
        while done < added {
            let part = min(Self.chunk, added - done)
            SampleConversion.toFloat(
                frames + done * layout.frameBytes, layout.format, decoded, count: part * layout.channels)
            matrix.apply(decoded, mixed, frames: part)
            let samples = min(part * tap.channelMap.channels, waiting.count - count)
            for index in 0..<samples { waiting[(first + count + index) % waiting.count] = mixed[index] }
            count += samples
            done += part
        }
    }

    /// The last `frames` that were rendered are void.
    func rewound(_ frames: UInt64) {
        count -= min(count, Int(clamping: frames) * tap.channelMap.channels)
    }

    /// RT safe.
    func played(upTo frames: UInt64) {
        guard frames > played else { return }
        var due = min(Int(clamping: frames - played) * tap.channelMap.channels, count)
        played = frames
        while due > 0 {
            let run = min(due, waiting.count - first)
            place = tap.add(
                UnsafeBufferPointer(rebasing: UnsafeBufferPointer(waiting)[first..<first + run]), after: place)
            first = (first + run) % waiting.count
            count -= run
            due -= run
        }
    }
}
