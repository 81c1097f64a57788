public import LinuxSystem
internal import SoundDSP
public import SystemPackage

/// Where a clocked sink's sound ends up.
protocol ClockedOutput: AnyObject {
    /// Writes interleaved stereo frames. Throws a reason in one line.
    func write(_ frames: UnsafePointer<Float>, count: Int) throws(ClockedSink.WriteFailure)
    func close()
}

/// A sink without a device: it takes frames at the pace at which a device would play them, mixes its streams,
/// and gives them to a file or to nobody.
public final class ClockedSink: SoundSink {
    struct WriteFailure: Error { let reason: String }

    /// How often it takes frames, ns: a compromise between wake-ups and smoothness.
    private static let tick: UInt64 = 10_000_000
    static let channels = 2

    public private(set) var state: SinkState
    private let rate: UInt32
    private let output: (any ClockedOutput)?
    private weak var observer: (any SinkObserver)?
    private var streams: [ClockedStream] = []
    private var timer: LoopTimer?
    private var start: UInt64 = 0
    private var ticked: UInt64 = 0
    private var mix: [Float]
    private var scratch: [Float]
    /// The most that one tick takes, frames: what was missed beyond is late, not lost.
    private let maximumFrames: Int

    /// Plays to nowhere.
    public convenience init(nullAt rate: UInt32 = 48000, on loop: EventLoop, observer: any SinkObserver)
        throws(Errno)
    {
        try self.init(name: "null", rate: rate, output: nil, on: loop, observer: observer)
    }

    init(
        name: String, rate: UInt32, output: (any ClockedOutput)?, on loop: EventLoop, observer: any SinkObserver
    ) throws(Errno) {
        self.rate = rate
        self.output = output
        self.observer = observer
        state = .ready(name: name, rate: rate, channels: UInt32(Self.channels))
        maximumFrames = Int(rate) / 5
        mix = [Float](repeating: 0, count: maximumFrames * Self.channels)
        scratch = [Float](repeating: 0, count: maximumFrames * Self.channels)
        timer = try LoopTimer(on: loop) { [weak self] in self?.advance() }
    }

    public func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient)
        -> any SinkStream
    {
        precondition(configuration.rate == rate && configuration.channels == Self.channels, "rendered at our rate")
        let stream = ClockedStream(sink: self, format: configuration.format, client: client)
        streams.append(stream)
        return stream
    }

    public func close() {
        timer = nil
        streams = []
        output?.close()
    }

    /// A stream began or ended playing: the clock runs only while one plays.
    func streamsChanged() {
        let running = streams.contains { $0.isRunning }
        if running, start == 0 {
            start = MonotonicClock.nanoseconds
            ticked = 0
            timer?.set(nanoseconds: Self.tick, interval: Self.tick)
        } else if !running, start != 0 {
            start = 0
            timer?.cancel()
        }
    }

    func remove(_ stream: ClockedStream) {
        streams.removeAll { $0 === stream }
        streamsChanged()
    }

    /// Takes the frames that should have been played by now.
    private func advance() {
        guard start != 0 else { return }
        let due = (MonotonicClock.nanoseconds - start) / 1000 * UInt64(rate) / 1_000_000
        let frames = Int(min(due - min(due, ticked), UInt64(maximumFrames)))
        ticked = due
        guard frames > 0 else { return }

        var longest = 0
        mix.withUnsafeMutableBufferPointer { mix in
            scratch.withUnsafeMutableBufferPointer { scratch in
                guard let mixed = mix.baseAddress, let rendered = scratch.baseAddress else { return }
                mixed.update(repeating: 0, count: frames * Self.channels)
                for stream in streams where stream.isRunning {
                    let count = stream.render(into: rendered, frames: frames)
                    for index in 0..<count * Self.channels { mixed[index] += rendered[index] }
                    longest = max(longest, count)
                }
            }
        }
        if longest > 0, let output {
            do {
                try mix.withUnsafeBufferPointer { (mix) throws(WriteFailure) in
                    if let base = mix.baseAddress { try output.write(base, count: longest) }
                }
            } catch {
                fail(error.reason)
                return
            }
        }
        // A copy: a client may close its stream when told. No copy is made of what is not changed.
        let told = streams
        for stream in told { stream.report() }
    }

    private func fail(_ reason: String) {
        start = 0
        timer?.cancel()
        streams = []
        state = .failed(reason)
        observer?.sinkStateChanged()
    }
}

/// A stream of a clocked sink: what it renders is played at the same moment.
final class ClockedStream: SinkStream {
    private weak var sink: ClockedSink?
    private weak var client: (any SinkStreamClient)?
    private let format: SampleFormat
    private(set) var isRunning = false
    private var played: UInt64 = 0
    private var reported: UInt64 = 0
    private var isDraining = false
    private var isStopped = false
    /// Samples as the client gives them.
    private var staged: [UInt8] = []

    init(sink: ClockedSink, format: SampleFormat, client: any SinkStreamClient) {
        self.sink = sink
        self.client = client
        self.format = format
    }

    func setRunning(_ running: Bool) {
        isRunning = running && !isStopped
        sink?.streamsChanged()
    }

    // The next tick asks again.
    func framesAvailable() {}

    func drain() { isDraining = true }

    func stop(_ completion: @escaping (UInt64) -> Void) {
        isStopped = true
        setRunning(false)
        completion(played)
    }

    func close() {
        isRunning = false
        client = nil
        sink?.remove(self)
    }

    /// Takes up to `frames` frames as stereo floating point.
    func render(into target: UnsafeMutablePointer<Float>, frames: Int) -> Int {
        guard let client else { return 0 }
        var count = 0
        if format == .float32 {
            count = client.render(into: target, frames: frames)
        } else {
            let bytes = frames * ClockedSink.channels * format.bytes
            if staged.count < bytes { staged = [UInt8](repeating: 0, count: bytes) }
            staged.withUnsafeMutableBytes { staged in
                guard let base = staged.baseAddress else { return }
                count = client.render(into: base, frames: frames)
                SampleConversion.toFloat(base, format, target, count: count * ClockedSink.channels)
            }
        }
        played += UInt64(count)
        if isDraining, count < frames { isDraining = false; drainedAfterReport = true }
        return count
    }

    private var drainedAfterReport = false

    /// Tells the client what was played, after it has been written.
    func report() {
        if played != reported {
            reported = played
            client?.played(played, delayNanoseconds: 0)
        }
        if drainedAfterReport {
            drainedAfterReport = false
            client?.drained()
        }
    }
}
