internal import SoundDSP

/// One recording of those that share a PCM.
final class AlsaCaptureStream: CaptureStream {
    private weak var client: (any CaptureStreamClient)?
    private let layout: SampleLayout
    private let matrix: ChannelMatrix
    private let deliver: () -> Void
    private let changed: () -> Void
    private let closed: (AlsaCaptureStream) -> Void
    private(set) var isRunning = false
    /// A period in the client's channels, and in its layout.
    private let mixed: UnsafeMutablePointer<Float>
    private let encoded: UnsafeMutableRawPointer

    /// `deliver` gives the streams what has come in; `changed` is called when one begins or ends.
    init(
        _ configuration: SinkStreamConfiguration, of source: AlsaParameters, client: any CaptureStreamClient,
        deliver: @escaping () -> Void, changed: @escaping () -> Void, closed: @escaping (AlsaCaptureStream) -> Void
    ) {
        self.deliver = deliver
        self.client = client
        self.changed = changed
        self.closed = closed
        layout = configuration.layout
        matrix = ChannelMatrix(from: source.channelMap, to: layout.channelMap)
        let samples = source.periodFrames * layout.channels
        mixed = .allocate(capacity: samples)
        mixed.initialize(repeating: 0, count: samples)
        encoded = .allocate(byteCount: source.periodFrames * layout.frameBytes, alignment: 16)
    }

    deinit {
        mixed.deallocate()
        encoded.deallocate()
    }

    func setRunning(_ running: Bool) {
        guard running != isRunning else { return }
        isRunning = running
        changed()
    }

    func stop(_ completion: @escaping () -> Void) {
        if isRunning { deliver() }
        setRunning(false)
        completion()
    }

    func close() {
        isRunning = false
        client = nil
        closed(self)
        changed()
    }

    /// At most a period. RT safe as far as the client is.
    func take(_ frames: UnsafePointer<Float>, count: Int, delayNanoseconds: UInt64) {
        guard isRunning, let client else { return }
        matrix.apply(frames, mixed, frames: count)
        SampleConversion.fromFloat(mixed, encoded, layout.format, count: count * layout.channels)
        client.captured(encoded, count: count, delayNanoseconds: delayNanoseconds)
    }
}
