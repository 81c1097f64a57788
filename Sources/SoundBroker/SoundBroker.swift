internal import Glibc
public import LinuxSystem
public import Logging
public import SoundControl
public import SoundDSP
public import SoundSinks
public import SystemPackage

/// One pod's sound: takes its streams, plays and records them at the host's sink, and can leave at any time with every
/// stream's exact position, for the next broker to go on with. One thread; nothing in it waits.
public final class SoundBroker {
    public struct Configuration: Sendable {
        /// Where the engine and `podaudio` ask.
        public var control: FilePath
        public var sink: SinkSpec
        public var policy: SoundPolicy
        /// Whether streams of more channels than the sink has are mixed into those it has; otherwise they wait.
        public var downmix: Bool
        /// What another broker wrote down of this session.
        public var records: SoundRecords?
        /// Where what is said later is kept for a broker that comes after this one's death; what is there counts.
        public var memory: FilePath?
        /// What the host's mixer calls us.
        public var name: String
        public var converter: ConverterKind

        public init(
            control: FilePath, sink: SinkSpec, policy: SoundPolicy, downmix: Bool = false,
            records: SoundRecords? = nil, memory: FilePath? = nil, name: String,
            converter: ConverterKind = .standard
        ) {
            self.control = control
            self.sink = sink
            self.policy = policy
            self.downmix = downmix
            self.records = records
            self.memory = memory
            self.name = name
            self.converter = converter
        }
    }

    /// More than any desktop plays at once, and half of what a PulseAudio sink takes, of all the host's programs.
    static let maximumStreams = 128
    static let maximumConnections = 256
    /// No frozen pod has as many that wait to be taken: what the engine's listener holds is a quarter of it.
    static let maximumWaiting = 1024
    /// Of all rings together: memory of the pod's, but whoever touches a page first pays for it. A stream of 192 kHz
    /// and eight channels takes 15 MiB.
    static let maximumRingBytes = 512 << 20
    /// Streams of before a broker's death come back within this time, ns: what they were offered then still counts.
    private static let adoptionTime: UInt64 = 30_000_000_000

    let configuration: Configuration
    let log: Logger
    /// For what the pod causes.
    let podLog: PodLog
    let loop: EventLoop
    private let sinkLoop: SinkLoop
    private let started = MonotonicClock.nanoseconds

    // What was said, and may be said anew.
    private(set) var policy: SoundPolicy
    private(set) var mixer: MixerState
    private(set) var sinkSpec: SinkSpec
    private(set) var mayDownmix: Bool

    private(set) var sink: (any SoundSink)?
    private var sinkFailure: String?
    private var onFirstSinkState: ((SinkState) -> Void)?
    /// A sink that shall take the present one's place, once it is there.
    private var next: Move?

    /// The pod's; it outlives us.
    let listener: OwnedDescriptor
    var listenerWatch: EventLoop.Watch?
    var acceptTimer: LoopTimer?
    private(set) var control: ControlServer?
    private var signals: TerminationSignals?
    var endTimer: LoopTimer?
    var errandTimer: LoopTimer?
    /// Runs while a sink is asked to stop.
    var holdTimer: LoopTimer?
    private var memoryTimer: LoopTimer?
    private var mixerTimer: LoopTimer?
    private var pauseTimer: LoopTimer?
    /// Connections that said too much at once.
    var paused: [PluginConnection] = []
    /// What cannot be done while a sink is at work, and is done right after.
    var violations: [(StreamID, String)] = []
    var lostStreams: [StreamID] = []

    var connections: [ObjectIdentifier: PluginConnection] = [:]
    var streams: [StreamID: PodStream] = [:]
    /// Streams that have not come back yet, by identity.
    var records: [String: StreamRecord] = [:]
    /// Streams that were stopped and wait for the sink to have sounded.
    var leaving: [PodStream] = []
    /// From `hold` to `attach`: nothing plays.
    var isHeld = false
    /// When it began, ns of CLOCK_MONOTONIC.
    var heldAt: UInt64 = 0
    var isQuitting = false
    var taps: [ObjectIdentifier: SoundTap] = [:]

    struct Move {
        var sink: any SoundSink
        var spec: SinkSpec
        var downmix: Bool
        var answer: ControlServer.Answer
    }

    /// Listens for the pod and for the host.
    ///
    /// - Parameters:
    ///   - listener: a listening seqpacket socket, non-blocking, where the pod's programs connect.
    ///   - ready: hears once how the sink turned out, and why not all that comes back can be played there, when that is
    ///     so.
    public init(
        _ configuration: Configuration, listener: consuming OwnedDescriptor, log: Logger,
        ready: @escaping (_ state: SinkState, _ obstacle: String?) -> Void
    ) throws {
        self.configuration = configuration
        self.listener = consume listener
        self.log = log
        podLog = PodLog(log)
        let memory = configuration.memory.flatMap(BrokerMemory.read)
        policy = memory?.policy ?? configuration.policy
        mixer = memory?.mixer ?? configuration.records?.mixer ?? MixerState()
        sinkSpec = memory.flatMap { try? SinkSpec($0.sink) } ?? configuration.sink
        mayDownmix = memory?.downmix ?? configuration.downmix
        sinkLoop = try SinkLoop()
        loop = sinkLoop.events
        if let records = configuration.records { remember(records) }
        onFirstSinkState = { [weak self] state in
            var obstacle: String?
            if case .ready(let host) = state, let self, !mayDownmix { obstacle = self.obstacle(at: host) }
            ready(state, obstacle)
        }
        try listen()
        control = try ControlServer(at: configuration.control, on: loop) { [weak self] request, connection, answer in
            self?.handle(request, from: connection, answer)
        }
        signals = try TerminationSignals(on: loop) { [weak self] in self?.quit() }
        errandTimer = try LoopTimer(on: loop) { [weak self] in self?.runErrands() }
        endTimer = try LoopTimer(on: loop) { [weak self] in self?.end() }
        memoryTimer = try LoopTimer(on: loop) { [weak self] in self?.saveMemory() }
        mixerTimer = try LoopTimer(on: loop) { [weak self] in self?.applyMixer() }
        pauseTimer = try LoopTimer(on: loop) { [weak self] in self?.resumePaused() }
        sink = try makeSink(sinkSpec)
        if let sink { sinkStateChanged(sink) }
        // What the records say counts for a broker after this one, too.
        if memory == nil { saveMemory() }
    }

    /// Runs until `quit`.
    public func run() throws {
        try sinkLoop.run()
    }

    func remember(_ records: SoundRecords) {
        for record in records.streams { self.records[record.id] = record }
    }

    private func makeSink(_ spec: SinkSpec) throws -> any SoundSink {
        try sinkLoop.makeSink(spec, name: configuration.name, observer: self)
    }

    /// Where streams may play now.
    var usableSink: (any SoundSink)? {
        guard !isHeld, case .ready = sink?.state else { return nil }
        return sink
    }

    private var host: SinkCapabilities? {
        if case .ready(let host) = sink?.state { host } else { nil }
    }

    /// What hw_params may be now.
    func offer(_ direction: StreamConfiguration.Direction) -> SoundCapabilities.Offer {
        SoundCapabilities.offer(policy, direction, at: host)
    }

    /// Whether streams of before this broker may still come back without a record.
    var isAdopting: Bool { MonotonicClock.nanoseconds - started < Self.adoptionTime }

    /// Why the streams that are here, or come back, cannot all be played at `host` as they are.
    private func obstacle(at host: SinkCapabilities) -> String? {
        let present = streams.values.compactMap { stream in
            stream.configuration.map { (stream.program, $0.direction, stream.channelMap) }
        }
        let coming = records.values.compactMap { record in
            ChannelMap(record.configuration.channelMap).map { (record.program, record.configuration.direction, $0) }
        }
        for (program, direction, map) in present + coming where direction == .playback {
            if let reason = PlaybackStream.obstacle(map, at: host) { return "the sound of \(program): \(reason)" }
        }
        return nil
    }

    // MARK: What is said

    func setPolicy(_ new: SoundPolicy) {
        policy = new
        for connection in connections.values { connection.tellOffer() }
        rememberSoon()
    }

    func setMixer(_ new: MixerState) {
        guard new != mixer else { return }
        mixer = new
        // Once for many: each is a command to the sound server for each stream.
        mixerTimer?.set(nanoseconds: 5_000_000)
        rememberSoon()
    }

    private func applyMixer() {
        for stream in streams.values { stream.setMixer(mixer) }
        for connection in connections.values { connection.tell(mixer) }
    }

    /// Hears it again when its budget has grown.
    func resumeLater(_ connection: PluginConnection) {
        if paused.isEmpty { pauseTimer?.set(nanoseconds: 20_000_000) }
        paused.append(connection)
    }

    private func resumePaused() {
        let resumed = paused
        paused = []
        for connection in resumed { connection.resume() }
    }

    private func rememberSoon() {
        guard configuration.memory != nil else { return }
        // A pod's mixer may say a lot in a short time.
        memoryTimer?.set(nanoseconds: 50_000_000)
    }

    func saveMemory() {
        guard let path = configuration.memory else { return }
        let memory = BrokerMemory(sink: sinkSpec.description, downmix: mayDownmix, policy: policy, mixer: mixer)
        do { try memory.write(path) } catch { log.error("cannot write \(path): \(error)") }
    }

    // MARK: Another sink

    /// Goes on at another sink, once it is there and can play what plays; else everything stays as it is.
    func move(to spec: SinkSpec, downmix: Bool, _ answer: @escaping ControlServer.Answer) {
        guard next == nil else { return answer(.failed("the sound is being moved already; wait for that")) }
        guard !isHeld, !isQuitting else {
            return answer(.failed("the pod is being suspended; move its sound after that"))
        }
        do {
            let sink = try makeSink(spec)
            next = Move(sink: sink, spec: spec, downmix: downmix, answer: answer)
            sinkStateChanged(sink)
        } catch {
            answer(.failed("\(error)"))
        }
    }

    private func nextStateChanged(_ move: Move) {
        func giveUp(_ reason: String) {
            next = nil
            // Not here: it may be in the middle of a callback of its own.
            errands.append { move.sink.close() }
            errandTimer?.set(nanoseconds: 0)
            move.answer(.failed(reason))
        }
        switch move.sink.state {
        case .connecting: return
        case .failed(let reason): giveUp(reason)
        case .ready(let host):
            if !move.downmix, let reason = obstacle(at: host) {
                return giveUp("\(reason); mix it down with --downmix, or choose another sink")
            }
            next = nil
            let old = sink
            holdStreams { [self] in
                sink = move.sink
                sinkSpec = move.spec
                mayDownmix = move.downmix
                rememberSoon()
                useSink()
                // The device that is left sounds on for what it holds, which its server keeps for it.
                errands.append { old?.close() }
                errandTimer?.set(nanoseconds: 0)
                move.answer(.done)
            }
        }
    }

    /// Done from the loop, when no sink is at work.
    var errands: [() -> Void] = []

    /// Streams begin, or go on, at the sink.
    func useSink() {
        guard !isHeld else { return }
        for stream in streams.values {
            (stream as? PlaybackStream)?.mayDownmix = mayDownmix
            stream.use(usableSink)
        }
        for connection in connections.values { connection.tellOffer() }
        // What is recorded has one rate from beginning to end.
        for tap in taps.values where host.map({ !tap.fits($0) }) ?? false { tap.end() }
    }
}

extension SoundBroker: SinkObserver {
    public func sinkStateChanged(_ changed: any SoundSink) {
        if let next, next.sink === changed { return nextStateChanged(next) }
        guard changed === sink else { return }
        switch changed.state {
        case .connecting: return
        case .ready(let host):
            log.info("sink \(host.name): \(host.rate) Hz, \(host.channelMap)")
            sinkFailure = nil
            // Streams may still play where the sink was before: they say how far they came.
            if !isHeld { holdStreams { [weak self] in self?.useSink() } }
        case .failed(let reason):
            // Once for each reason: a server that stays away is tried twice a second.
            if sinkFailure != reason { log.error("no sound: \(reason)") }
            sinkFailure = reason
            for stream in streams.values {
                stream.use(nil)
                stream.obstacle = reason
            }
        }
        onFirstSinkState?(changed.state)
        onFirstSinkState = nil
    }
}
