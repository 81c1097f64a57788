public import LinuxSystem
public import SoundDSP
public import SystemPackage

/// An ALSA PCM of the host: a card, or whatever its ALSA configuration makes of the name. Its streams are mixed here, in
/// floating point, at the PCM's own rate and for its own loudspeakers. Records at the PCM of the same name, where there
/// is one.
public final class AlsaSink: SoundSink {
    /// How long to wait before a device that went away is looked for again, ns.
    private static let retry: UInt64 = 500_000_000

    public private(set) var state = SinkState.connecting
    private let name: String
    private let loop: EventLoop
    private weak var observer: (any SinkObserver)?
    private var playback: AlsaPlayback?
    private var capture: AlsaCapture?
    private var timer: LoopTimer?
    /// Why the device was lost, until that has been told.
    private var failure: String?
    private var capabilities = SinkCapabilities(name: "", rate: 0, channelMap: ChannelMap.stereo)

    /// Opens the PCM `name`. If that cannot be, `state` says why, and it is tried again.
    public init(pcm name: String, on loop: EventLoop, observer: any SinkObserver) throws(Errno) {
        self.name = name
        self.loop = loop
        self.observer = observer
        timer = try LoopTimer(on: loop) { [weak self] in self?.timeOver() }
        open()
    }

    public func layout(for format: SampleFormat, _ channelMap: ChannelMap) -> SampleLayout {
        SampleLayout(format: .float32, channelMap: capabilities.channelMap)
    }

    public func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient)
        -> any SinkStream
    {
        precondition(
            configuration.rate == capabilities.rate
                && configuration.layout == layout(for: configuration.layout.format, configuration.layout.channelMap),
            "as layout said")
        // A device that was lost a moment ago, which is about to be told.
        guard let playback else { return DeadStream() }
        return playback.makeStream(configuration, client: client)
    }

    public func makeCapture(_ configuration: SinkStreamConfiguration, client: any CaptureStreamClient)
        -> any CaptureStream
    {
        guard let capture else { return DeadStream() }
        return capture.makeStream(configuration, client: client)
    }

    public func close() {
        timer = nil
        closeDevice()
    }

    private func closeDevice() {
        playback?.close()
        playback = nil
        capture?.close()
        capture = nil
    }

    private func open() {
        do {
            let pcm = try AlsaPCM(name, .playback)
            playback = try AlsaPlayback(pcm, on: loop) { [weak self] in self?.lost($0) }
            capabilities = SinkCapabilities(
                name: name, rate: pcm.parameters.rate, channelMap: pcm.parameters.channelMap)
            openCapture()
            state = .ready(capabilities)
        } catch {
            closeDevice()
            state = .failed(error.reason)
            timer?.set(nanoseconds: Self.retry)
        }
    }

    /// A host without a microphone is none the worse as a place to hear.
    private func openCapture() {
        guard let pcm = try? AlsaPCM(name, .capture) else { return }
        capture = try? AlsaCapture(pcm, on: loop) { [weak self] in self?.lost($0) }
        guard capture != nil else { return }
        capabilities.source = SourceCapabilities(
            name: name, rate: pcm.parameters.rate, channelMap: pcm.parameters.channelMap)
    }

    /// Told from the loop, and not to whoever is in the middle of a call that found it out.
    private func lost(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        closeDevice()
        timer?.set(nanoseconds: 0)
    }

    private func timeOver() {
        if let reason = failure {
            failure = nil
            state = .failed(reason)
            timer?.set(nanoseconds: Self.retry)
        } else {
            let before = state
            open()
            if state == before { return }
        }
        observer?.sinkStateChanged(self)
    }
}

/// A stream, or a recording, of a device that is lost: its client hears so from the sink.
private final class DeadStream: SinkStream, CaptureStream {
    func setRunning(_ running: Bool) {}
    func setGain(_ gain: Float) {}
    func framesAvailable() {}
    func rewind(_ frames: UInt64) -> Bool { false }
    var hasVoidFrames: Bool { false }
    func drain() {}
    func stop(_ completion: @escaping (UInt64) -> Void) { completion(0) }
    func stop(_ completion: @escaping () -> Void) { completion() }
    func close() {}
}
