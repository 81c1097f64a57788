/// A recording where there is nothing to be heard.
final class SilentCapture: CaptureStream {
    private weak var client: (any CaptureStreamClient)?
    private let changed: () -> Void
    private let closed: (SilentCapture) -> Void
    private let silence: [UInt8]
    private(set) var isRunning = false

    init(
        _ configuration: SinkStreamConfiguration, client: any CaptureStreamClient, maximumFrames: Int,
        changed: @escaping () -> Void, closed: @escaping (SilentCapture) -> Void
    ) {
        self.client = client
        self.changed = changed
        self.closed = closed
        // Silence is all zeros in every format.
        silence = [UInt8](repeating: 0, count: maximumFrames * configuration.layout.frameBytes)
    }

    func setRunning(_ running: Bool) {
        isRunning = running
        changed()
    }

    func stop(_ completion: @escaping () -> Void) {
        setRunning(false)
        completion()
    }

    func close() {
        isRunning = false
        client = nil
        closed(self)
        changed()
    }

    /// `frames` is at most what it was made for.
    func deliver(_ frames: Int) {
        guard isRunning else { return }
        silence.withUnsafeBytes { silence in
            if let base = silence.baseAddress { client?.captured(base, count: frames, delayNanoseconds: 0) }
        }
    }
}
