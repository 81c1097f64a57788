public import LinuxSystem
public import SoundDSP
public import SystemPackage

/// Where a clocked sink's sound ends up.
protocol ClockedOutput: AnyObject {
    /// Hz.
    var rate: UInt32 { get }
    var channelMap: ChannelMap { get }
    /// Writes interleaved frames. Throws a reason in one line.
    func write(_ frames: UnsafePointer<Float>, count: Int) throws(ClockedSink.WriteFailure)
    func close()
}

/// A sink without a device: it takes frames at the pace at which a device would play them, mixes its streams,
/// and gives them to a file or to nobody. What is recorded at it is silence.
public final class ClockedSink: SoundSink {
    struct WriteFailure: Error { let reason: String }

    /// How often it takes frames, ns: a compromise between wake-ups and smoothness.
    private static let tick: UInt64 = 10_000_000

    public private(set) var state: SinkState
    private let channelMap: ChannelMap
    private let rate: UInt32
    private let output: (any ClockedOutput)?
    private weak var observer: (any SinkObserver)?
    private var streams: [MixedStream] = []
    private var captures: [SilentCapture] = []
    private var timer: LoopTimer?
    private var start: UInt64 = 0
    private var ticked: UInt64 = 0
    private var progress = MixProgress()
    private let mixer: StreamMixer
    /// The most that one tick takes, frames: what was missed beyond is late, not lost.
    private let maximumFrames: Int

    /// Plays to nowhere.
    public convenience init(nullAt rate: UInt32 = 48000, on loop: EventLoop, observer: any SinkObserver)
        throws(Errno)
    {
        try self.init(name: "null", rate: rate, channelMap: ChannelMap.stereo, output: nil, on: loop, observer)
    }

    convenience init(name: String, output: any ClockedOutput, on loop: EventLoop, observer: any SinkObserver)
        throws(Errno)
    {
        try self.init(
            name: name, rate: output.rate, channelMap: output.channelMap, output: output, on: loop, observer)
    }

    private init(
        name: String, rate: UInt32, channelMap: ChannelMap, output: (any ClockedOutput)?, on loop: EventLoop,
        _ observer: any SinkObserver
    ) throws(Errno) {
        self.rate = rate
        self.channelMap = channelMap
        self.output = output
        self.observer = observer
        let source = SourceCapabilities(name: "silence", rate: rate, channelMap: channelMap)
        state = .ready(SinkCapabilities(name: name, rate: rate, channelMap: channelMap, source: source))
        maximumFrames = Int(rate) / 5
        mixer = StreamMixer(channels: channelMap.channels, maximumFrames: maximumFrames)
        timer = try LoopTimer(on: loop) { [weak self] in self?.advance() }
    }

    public func layout(for format: SampleFormat, _ channelMap: ChannelMap) -> SampleLayout {
        SampleLayout(format: .float32, channelMap: self.channelMap)
    }

    public func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient)
        -> any SinkStream
    {
        precondition(configuration.rate == rate && configuration.layout.channelMap == channelMap, "as layout said")
        let stream = MixedStream(
            configuration, client: client,
            changed: { [weak self] in self?.runningChanged() },
            closed: { [weak self] stream in self?.streams.removeAll { $0 === stream } })
        streams.append(stream)
        return stream
    }

    public func makeCapture(_ configuration: SinkStreamConfiguration, client: any CaptureStreamClient)
        -> any CaptureStream
    {
        let capture = SilentCapture(
            configuration, client: client, maximumFrames: maximumFrames,
            changed: { [weak self] in self?.runningChanged() },
            closed: { [weak self] capture in self?.captures.removeAll { $0 === capture } })
        captures.append(capture)
        return capture
    }

    public func close() {
        timer = nil
        for stream in streams { stream.abandon() }
        streams = []
        captures = []
        output?.close()
    }

    /// A stream began or ended playing: the clock runs only while one plays, or waits to be told that it was heard.
    private func runningChanged() {
        let running = streams.contains { $0.isBusy } || captures.contains { $0.isRunning }
        if running, start == 0 {
            start = MonotonicClock.nanoseconds
            ticked = 0
            timer?.set(nanoseconds: Self.tick, interval: Self.tick)
        } else if !running, start != 0 {
            start = 0
            timer?.cancel()
        }
    }

    /// Takes the frames that should have been played by now.
    private func advance() {
        guard start != 0 else { return }
        let due = (MonotonicClock.nanoseconds - start) / 1000 * UInt64(rate) / 1_000_000
        let frames = Int(min(due - min(due, ticked), UInt64(maximumFrames)))
        ticked = due
        guard frames > 0 else { return }
        let longest = mixer.mix(streams, at: progress.played, frames: frames)
        if longest > 0, let output {
            do {
                try output.write(mixer.mixed, count: longest)
            } catch {
                return fail(error.reason)
            }
        }
        progress.played += UInt64(frames)
        progress.heard = progress.played
        // Copies: a client may close its stream when told.
        for stream in Array(streams) { stream.report(progress) }
        for capture in Array(captures) { capture.deliver(frames) }
        runningChanged()
    }

    private func fail(_ reason: String) {
        start = 0
        timer?.cancel()
        for stream in streams { stream.abandon() }
        streams = []
        captures = []
        state = .failed(reason)
        observer?.sinkStateChanged(self)
    }
}
