internal import Glibc
internal import LinuxSystem
internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// One PCM of a program in the pod: its ring, what the program asked of it, and what the program is told. What plays and
/// what records is the subclasses' difference.
class PodStream {
    let id: StreamID
    let program: String
    let log: PodLog

    private(set) var configuration: StreamConfiguration?
    private(set) var format = SampleFormat.s16
    private(set) var channelMap = ChannelMap.stereo
    private(set) var ring: FrameRing?
    private var wake: OwnedDescriptor?

    private(set) var state = TriggerState.setup
    private(set) var epoch: UInt32 = 0
    /// Where this epoch's run began.
    private(set) var base: UInt64 = 0
    /// What has been played exactly as far as it is known; of a recording, what has come in.
    var position = StreamPosition(frame: 0)
    /// What was published as the pointer: never goes back.
    var hwPointer: UInt64 = 0
    var delay: UInt64 = 0
    var xruns: UInt64 = 0
    private var handover: UInt64 = 0

    private(set) weak var sink: (any SoundSink)?
    /// Why there is no sound where there should be, in one line.
    var obstacle: String?
    /// Of each channel, since it was last asked.
    let peaks = PeakMeter()

    /// Called when the pod broke the rules: the stream must go, but not at once, as the sink may be at work.
    var onViolation: ((String) -> Void)?
    /// Called when the sink lost the stream: it wants to be told of a sink again, but not at once.
    var onLost: (() -> Void)?

    /// Hz: what no sink exceeds.
    private static let fastestSink: UInt32 = 768_000

    init(id: StreamID, program: String, log: PodLog) {
        self.id = id
        self.program = program
        self.log = log
    }

    // MARK: What the subclass does

    /// Makes its stream at `sink`, in the state that the program wants.
    func openSinkStream() {}
    func closeSinkStream() {}
    var isOpen: Bool { false }
    func setRunning(_ running: Bool) {}
    /// Stops at an exact position and stays there, whatever the program asks, until a sink is there again.
    func hold(completion: @escaping () -> Void) { completion() }
    func setMixer(_ mixer: MixerState) {}
    /// The program, or a new epoch, begins anew.
    func beganRun() {}
    /// Called after every change of state.
    func stateChanged() {}
    func kick() {}
    func rewind(to position: UInt64) {}
    /// Whether the ring can have been filled and emptied as far as `position`, when the program is at `program`.
    func isPlausible(_ position: UInt64, program: UInt64, in ring: FrameRing) -> Bool { false }
    /// Frames in the program's buffer.
    var fill: UInt64 { 0 }

    // MARK: What the plugin asks

    /// Takes the ring of a new configuration. `record` is what another broker wrote down of this stream.
    func configure(
        _ configuration: StreamConfiguration, _ format: SampleFormat, _ channelMap: ChannelMap, ring: FrameRing,
        wake: consuming OwnedDescriptor, record: StreamRecord?
    ) {
        closeSinkStream()
        self.configuration = configuration
        self.format = format
        self.channelMap = channelMap
        self.ring = ring
        self.wake.take()?.closeElsewhere()
        self.wake = consume wake
        state = .setup
        adopt(record)
    }

    /// Where to go on: at the record's position if it belongs to this memory, else at what the ring says that
    /// the last broker knew, else, where that makes no sense, behind everything that was written.
    private func adopt(_ record: StreamRecord?) {
        guard let ring else { return }
        let program = ring.programPosition
        guard program < FrameRing.endOfTime else { return violation("a position \(program) of the program's") }
        func isPlausible(_ position: UInt64) -> Bool { self.isPlausible(position, program: program, in: ring) }
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
            // Of the phase there is no other witness: it is less than a second's frames, or nothing.
            let isPhase = published.phase < published.sink_rate && published.sink_rate <= Self.fastestSink
            position = StreamPosition(
                frame: published.played, phase: isPhase ? published.phase : 0, rate: isPhase ? published.sink_rate : 0)
            hwPointer = published.hw
        } else {
            log.warning("stream \(id) of \(self.program): its positions make no sense; what was queued is skipped")
            position = StreamPosition(frame: program)
            hwPointer = program
        }
        xruns = published?.xruns ?? 0
        handover = 0
    }

    func setSoftwareParameters(_ software: SoftwareParameters) {
        configuration?.software = software
    }

    /// What speaker each channel is for. Before the stream runs; it may have been opened at the sink already.
    func setChannelMap(_ map: ChannelMap) {
        guard map != channelMap, map.channels == channelMap.channels else { return }
        channelMap = map
        configuration?.channelMap = map.description
        use(sink)
    }

    func trigger(_ state: TriggerState, epoch: UInt32, base: UInt64) {
        guard let ring else { return violation("triggered before it was configured") }
        let program = ring.programPosition
        guard base <= program, program < FrameRing.endOfTime else {
            return violation("a run from \(base) to \(program)")
        }
        if epoch != self.epoch {
            // A new run: nothing of the old one is to be heard any more.
            closeSinkStream()
            guard program - base <= ring.frames else { return violation("a run longer than its ring") }
            self.epoch = epoch
            position = StreamPosition(frame: base)
            hwPointer = base
            beganRun()
        }
        self.base = base
        self.state = state
        switch state {
        case .setup:
            closeSinkStream()
        case .prepared:
            openSinkStream()
        case .running, .draining:
            openSinkStream()
            setRunning(true)
        case .paused:
            setRunning(false)
        }
        stateChanged()
        publish()
    }

    // MARK: The sink

    /// A sink is there, or another one: what was queued at the old one is rendered again.
    func use(_ sink: (any SoundSink)?) {
        closeSinkStream()
        self.sink = sink
        obstacle = nil
        switch state {
        case .setup: break
        case .prepared, .paused: openSinkStream()
        case .running, .draining:
            openSinkStream()
            setRunning(true)
        }
    }

    func forgetSink() { sink = nil }

    // MARK: Leaving

    /// Leaves the position in the ring, under `handover`, for the next broker.
    func leave(handover: UInt64) {
        self.handover = handover
        publish()
        wakeProgram()
    }

    /// The program or the pod is gone, or goes on with another broker.
    func close() {
        onViolation = nil
        onLost = nil
        closeSinkStream()
        ring = nil
        wake.take()?.closeElsewhere()
    }

    func violation(_ reason: String) {
        onViolation?(reason)
    }

    // MARK: Telling

    func publish() {
        ring?.publish(
            sound_position(
                epoch: epoch, phase: position.phase, sink_rate: position.rate, hw: hwPointer,
                played: position.frame, delay_ns: delay, handover: handover, xruns: xruns))
    }

    func wakeProgram() {
        guard let number = wake?.number else { return }
        // One byte; when the socket is full the program has not looked at the last ones yet.
        withUnsafeBytes(of: UInt8(0)) { _ = PacketSocket.send($0, to: number) }
    }

    /// From leaving the sink's buffer to being heard, ns; `nil` while the sink has not told.
    var sinkDelay: UInt64? { delay > 0 ? delay : nil }

    /// What the program sees, in ALSA's words.
    var stateName: String { state.name }

    func status(peaks wanted: Bool) -> StreamStatus? {
        configuration.map { configuration in
            let isWaiting = obstacle != nil && (state == .running || state == .draining)
            return StreamStatus(
                id: id.description, program: program, state: isWaiting ? "waiting" : stateName, reason: obstacle,
                configuration: configuration,
                positionFrames: position.wholeFrames(streamRate: configuration.rate), fillFrames: fill,
                sinkDelayNanoseconds: delay, xruns: xruns, peaks: wanted ? peaks.take() : [])
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
