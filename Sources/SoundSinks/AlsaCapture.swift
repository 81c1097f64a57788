internal import LinuxSystem
internal import SoundDSP

/// Records at a PCM and gives all its streams what came in, to each as it wants it. The PCM runs only while one of them
/// does.
final class AlsaCapture {
    private let pcm: AlsaPCM
    private let parameters: AlsaParameters
    private var waker: AlsaWaker?
    private let onFailure: (String) -> Void
    private var streams: [AlsaCaptureStream] = []
    /// One period, in the PCM's layout and as floating point.
    private let raw: UnsafeMutableRawPointer
    private let decoded: UnsafeMutablePointer<Float>
    private var isStarted = false
    private var isClosed = false
    private var isReading = false

    /// `onFailure` hears once that the PCM is lost, and why.
    init(_ pcm: AlsaPCM, on loop: EventLoop, onFailure: @escaping (String) -> Void) throws(SinkFailure) {
        self.pcm = pcm
        self.onFailure = onFailure
        parameters = pcm.parameters
        let samples = parameters.periodFrames * parameters.channelMap.channels
        raw = .allocate(byteCount: parameters.periodFrames * parameters.frameBytes, alignment: 16)
        // A null PCM says that it has read, and leaves things as they are.
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: parameters.periodFrames * parameters.frameBytes)
        decoded = .allocate(capacity: samples)
        decoded.initialize(repeating: 0, count: samples)
        waker = try AlsaWaker(pcm, on: loop) { [weak self] reason in self?.woken(reason) }
    }

    deinit {
        raw.deallocate()
        decoded.deallocate()
    }

    func makeStream(_ configuration: SinkStreamConfiguration, client: any CaptureStreamClient) -> AlsaCaptureStream {
        precondition(configuration.rate == parameters.rate, "at the source's rate")
        let stream = AlsaCaptureStream(
            configuration, of: parameters, client: client, deliver: { [weak self] in self?.deliver() },
            changed: { [weak self] in self?.runningChanged() },
            closed: { [weak self] stream in self?.streams.removeAll { $0 === stream } })
        streams.append(stream)
        return stream
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        waker?.close()
        waker = nil
        streams = []
    }

    private func fail(_ error: AlsaError) {
        guard !isClosed else { return }
        close()
        onFailure("lost the ALSA PCM \(pcm.name): \(error.reason)")
    }

    private func runningChanged() {
        guard !isClosed else { return }
        let running = streams.contains { $0.isRunning }
        guard running != isStarted else { return }
        do {
            if running {
                try pcm.start()
            } else {
                try pcm.drop()
                try pcm.prepare()
            }
            isStarted = running
            wait()
        } catch {
            fail(error)
        }
    }

    private func wait() {
        guard let waker else { return }
        if !isStarted {
            waker.rest()
        } else if waker.isPollable {
            waker.waitForDevice()
        } else {
            waker.wait(nanoseconds: UInt64(parameters.periodFrames) * 1_000_000_000 / UInt64(parameters.rate))
        }
    }

    private func woken(_ reason: AlsaWaker.Reason) {
        if reason == .broken, let obstacle = pcm.obstacle { return fail(obstacle) }
        deliver()
        wait()
    }

    /// Gives the streams all that has come in. RT safe as far as the clients are.
    private func deliver() {
        // A client may stop its recording in the middle of being told.
        guard isStarted, !isClosed, !isReading else { return }
        isReading = true
        defer { isReading = false }
        do {
            // No more than there was when it began: a source without a device always has some.
            var rest = try pcm.available()
            while rest > 0, isStarted, !isClosed {
                let count = try pcm.read(raw, count: min(rest, parameters.periodFrames))
                guard count > 0 else { return }
                rest -= count
                let delay = UInt64(try pcm.delay() ?? 0) * 1_000_000_000 / UInt64(parameters.rate)
                SampleConversion.toFloat(
                    raw, parameters.format, decoded, count: count * parameters.channelMap.channels)
                for stream in Array(streams) { stream.take(decoded, count: count, delayNanoseconds: delay) }
            }
        } catch {
            recover(error)
        }
    }

    /// What came in while nobody read is lost.
    private func recover(_ error: AlsaError) {
        guard error.isXrun else { return fail(error) }
        do {
            try pcm.prepare()
            try pcm.start()
        } catch {
            fail(error)
        }
    }
}
