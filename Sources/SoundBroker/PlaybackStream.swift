internal import Glibc
internal import LinuxSystem
internal import Logging
internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// One PCM that plays: its ring on one side, a sink's stream on the other, and the position between them.
final class PlaybackStream {
    let id: StreamID
    let program: String
    private let log: Logger
    private let quality: RateConverter.Quality

    private(set) var configuration: StreamConfiguration?
    private var ring: FrameRing?
    private var wake: OwnedDescriptor?

    private(set) var state = TriggerState.setup
    private var epoch: UInt32 = 0
    /// Where this epoch's run began.
    private var base: UInt64 = 0
    /// What has been played, exactly as far as it is known.
    private var position = StreamPosition(frame: 0)
    /// What was published as the pointer: never goes back.
    private var hwPointer: UInt64 = 0
    private var delay: UInt64 = 0
    private var xruns: UInt64 = 0
    private var isStarved = false
    private var handover: UInt64 = 0

    private weak var sink: (any SoundSink)?
    private var sinkStream: (any SinkStream)?
    private var renderer: (any FrameRenderer)?
    /// The sink's stream was stopped: it lives only until the device has sounded what it holds.
    private var isHeld = false
    private var isDrainAsked = false
    private var isDrained = false

    /// Called when the pod broke the rules: the stream must go, but not at once, as the sink may be at work.
    var onViolation: ((String) -> Void)?

    /// Positions stay below this, so that no sum of theirs overflows: 700,000 years at 192 kHz.
    private static let endOfTime: UInt64 = 1 << 62

    init(id: StreamID, program: String, quality: RateConverter.Quality, log: Logger) {
        self.id = id
        self.program = program
        self.quality = quality
        self.log = log
    }

    // MARK: What the plugin asks

    /// Takes the ring of a new configuration. `record` is what another broker wrote down of this stream.
    func configure(
        _ configuration: StreamConfiguration, ring: FrameRing, wake: consuming OwnedDescriptor,
        record: StreamRecord?
    ) {
        closeSinkStream()
        self.configuration = configuration
        self.ring = ring
        self.wake = consume wake
        state = .setup
        adopt(record)
    }

    /// Where to go on: at the record's position if it belongs to this memory, else at what the ring says that
    /// the last broker knew, else, where that makes no sense, behind everything that was written.
    private func adopt(_ record: StreamRecord?) {
        guard let ring else { return }
        let end = ring.writePosition
        guard end < Self.endOfTime else { return violation("a write position \(end)") }
        func isPlausible(_ position: UInt64) -> Bool { position <= end && end - position <= ring.frames }
        let published = ring.published()
        if let published, let record, record.handover != 0, record.handover == published.handover,
            isPlausible(record.playedFrames), isPlausible(published.hw)
        {
            epoch = published.epoch
            position = StreamPosition(
                frame: record.playedFrames, phase: record.playedPhase, rate: record.sinkRate)
            hwPointer = published.hw
        } else if let published, isPlausible(published.played), isPlausible(published.hw) {
            epoch = published.epoch
            position = StreamPosition(
                frame: published.played, phase: published.phase, rate: published.sink_rate)
            hwPointer = published.hw
        } else {
            log.warning("stream \(id) of \(program): its positions make no sense; what was queued is skipped")
            position = StreamPosition(frame: end)
            hwPointer = end
        }
        xruns = published?.xruns ?? 0
        handover = 0
    }

    func setSoftwareParameters(availMin: UInt64, startThreshold: UInt64, stopThreshold: UInt64) {
        configuration?.availMin = availMin
        configuration?.startThreshold = startThreshold
        configuration?.stopThreshold = stopThreshold
    }

    func trigger(_ state: TriggerState, epoch: UInt32, base: UInt64) {
        guard let ring else { return violation("triggered before it was configured") }
        let end = ring.writePosition
        guard base <= end, end < Self.endOfTime else { return violation("a run from \(base) to \(end)") }
        if epoch != self.epoch {
            // A new run: nothing of the old one is to be heard any more.
            closeSinkStream()
            guard end - base <= ring.frames else { return violation("a run longer than its ring") }
            self.epoch = epoch
            position = StreamPosition(frame: base)
            hwPointer = base
            isDrained = false
        }
        self.base = base
        self.state = state
        isStarved = false
        switch state {
        case .setup:
            closeSinkStream()
        case .prepared:
            openSinkStream()
        case .running, .draining:
            openSinkStream()
            sinkStream?.setRunning(true)
            if state == .draining { sinkStream?.framesAvailable() }
        case .paused:
            sinkStream?.setRunning(false)
        }
        publish()
        drainIfExhausted()
    }

    func kick() { sinkStream?.framesAvailable() }

    // MARK: The sink

    /// A sink is there, or another one: what was queued at the old one is rendered again.
    func use(_ sink: (any SoundSink)?) {
        closeSinkStream()
        self.sink = sink
        switch state {
        case .setup: break
        case .prepared, .paused: openSinkStream()
        case .running, .draining:
            openSinkStream()
            sinkStream?.setRunning(true)
        }
    }

    private func openSinkStream() {
        guard sinkStream == nil, let ring, let configuration, let sink,
            case .ready(_, let sinkRate, _) = sink.state
        else { return }
        let isDirect = sinkRate == configuration.rate
        if isDirect {
            renderer = DirectRenderer(
                ring: ring, start: position.wholeFrames(streamRate: configuration.rate))
        } else {
            do {
                renderer = try ConvertingRenderer(
                    ring: ring, from: configuration.rate, to: sinkRate, channels: Int(configuration.channels),
                    position: position, base: base, quality: quality)
            } catch {
                log.error("stream \(id) of \(program): no memory for a rate converter; it stays silent")
                return
            }
        }
        isDrainAsked = false
        sinkStream = sink.makeStream(
            sinkConfiguration(configuration, sinkRate: sinkRate, isDirect: isDirect), client: self)
    }

    /// The sink keeps all of the program's buffer but one period, which lies ready in the ring for when the
    /// sink asks: so the program need not be waited for. With fewer than three periods there is none to spare; and
    /// as a sink tells what it has played in whole periods and by its own clock, up to two of them may pass unnoticed:
    /// of a buffer of two that is all. Then it is to tell twice as often.
    private func sinkConfiguration(_ configuration: StreamConfiguration, sinkRate: UInt32, isDirect: Bool)
        -> SinkStreamConfiguration
    {
        func atSink(_ frames: UInt64) -> Int {
            max(1, Int(clamping: frames * UInt64(sinkRate) / UInt64(configuration.rate)))
        }
        let hasSpare = configuration.bufferFrames / configuration.periodFrames >= 3
        let spare = hasSpare ? configuration.periodFrames : 0
        return SinkStreamConfiguration(
            name: program, format: isDirect ? .s16 : .float32, rate: sinkRate,
            channels: Int(configuration.channels), bufferFrames: atSink(configuration.bufferFrames - spare),
            periodFrames: atSink(hasSpare ? configuration.periodFrames : configuration.periodFrames / 2))
    }

    private func closeSinkStream() {
        isHeld = false
        sinkStream?.close()
        sinkStream = nil
        renderer = nil
        ring?.stopAsking()
    }

    private func drainIfExhausted() {
        guard state == .draining, !isHeld, !isDrainAsked, !isDrained, let ring, let sinkStream else { return }
        let end = ring.writePosition
        if position.wholeFrames(streamRate: configuration?.rate ?? 1) >= end { return drained() }
        guard renderer?.isExhausted(end: end) == true else { return }
        isDrainAsked = true
        sinkStream.drain()
    }

    // MARK: Leaving

    /// Stops at an exact position and stays there, whatever the program asks, until a sink is there again.
    func hold(completion: @escaping () -> Void) {
        sink = nil
        guard let sinkStream, !isHeld else { return completion() }
        isHeld = true
        sinkStream.stop { [self] frames in
            if let renderer, !isDrained { position = renderer.position(played: frames) }
            publish()
            completion()
        }
    }

    /// Leaves the position in the ring, under `handover`, for the next broker.
    func leave(handover: UInt64) {
        self.handover = handover
        publish()
        wakeProgram()
    }

    /// The program or the pod is gone, or goes on with another broker.
    func close() {
        onViolation = nil
        closeSinkStream()
        ring = nil
        wake = nil
    }

    private func violation(_ reason: String) {
        onViolation?(reason)
    }

    // MARK: Telling

    private func publish() {
        guard let ring, let configuration else { return }
        let end = ring.writePosition
        let whole = position.wholeFrames(streamRate: configuration.rate)
        var reached = max(hwPointer, whole)
        // The pointer reaches the end of a drain when the last frame was heard, not when it was taken.
        if state == .draining, !isDrained, reached >= end, end > 0 { reached = max(hwPointer, end - 1) }
        hwPointer = reached
        ring.publish(
            sound_position(
                epoch: epoch, phase: position.phase, sink_rate: position.rate, hw: hwPointer,
                played: position.frame, delay_ns: delay, handover: handover, xruns: xruns))
    }

    private func wakeProgram() {
        guard let number = wake?.number else { return }
        // One byte; when the socket is full the program has not looked at the last ones yet.
        withUnsafeBytes(of: UInt8(0)) { _ = PacketSocket.send($0, to: number) }
    }

    /// From leaving the sink's buffer to being heard, ns; `nil` while the sink has not told.
    var sinkDelay: UInt64? { delay > 0 ? delay : nil }

    private var fill: UInt64 {
        guard let ring else { return 0 }
        let end = ring.writePosition
        return end - min(end, hwPointer)
    }

    func status() -> StreamStatus? {
        configuration.map { configuration in
            StreamStatus(
                id: id.description, program: program, state: isStarved && state == .running ? "xrun" : state.name,
                configuration: configuration,
                positionFrames: position.wholeFrames(streamRate: configuration.rate), fillFrames: fill,
                sinkDelayNanoseconds: delay, xruns: xruns)
        }
    }

    func record() -> StreamRecord? {
        configuration.map { configuration in
            StreamRecord(
                id: id.description, program: program, state: state.name, configuration: configuration,
                playedFrames: position.frame, playedPhase: position.phase, sinkRate: position.rate,
                handover: handover)
        }
    }
}

extension PlaybackStream: SinkStreamClient {
    func render(into target: UnsafeMutableRawPointer, frames: Int) -> Int {
        guard let ring, let renderer, !isHeld else { return 0 }
        var end = ring.writePosition
        var done = 0
        while true {
            // What a program could not have written without overwriting what is still to be played: it did not
            // write it, it only moved the index.
            guard end <= hwPointer + ring.frames else {
                violation("a write position \(end) beyond the ring")
                return 0
            }
            let bytes = done * renderer.frameBytes
            done += renderer.render(
                into: target + bytes, count: frames - done, end: end, isLast: state == .draining)
            if done == frames || state == .draining { return done }
            let now = ring.askForFrames()
            if now == end { return done }
            end = now
        }
    }

    func played(_ frames: UInt64, delayNanoseconds: UInt64) {
        guard let ring, let renderer, let configuration, !isDrained, !isHeld else { return }
        position = renderer.position(played: frames)
        delay = delayNanoseconds
        let end = ring.writePosition
        let isDry = state == .running && position.wholeFrames(streamRate: configuration.rate) >= end
        if isDry, !isStarved { xruns &+= 1 }
        isStarved = isDry
        publish()
        // Always, also when there was room before: the program may have looked just before this was published.
        if fill <= configuration.bufferFrames - min(configuration.bufferFrames, configuration.availMin) || isDry {
            wakeProgram()
        }
        drainIfExhausted()
    }

    func drained() {
        guard let ring, state == .draining, !isHeld else { return }
        position = StreamPosition(frame: ring.writePosition)
        isDrained = true
        publish()
        wakeProgram()
    }
}
