internal import Glibc
internal import LinuxSystem
public import Logging
public import SoundControl
internal import SoundDSP
public import SoundSinks
public import SystemPackage

/// One pod's sound: takes its streams, plays them at the host's sink, and can leave at any time with every
/// stream's exact position, for the next broker to go on with. One thread; nothing in it waits.
public final class SoundBroker {
    public struct Configuration: Sendable {
        /// The folder that the pod sees as /run/mediapod.
        public var guest: FilePath
        /// Where the engine and `podaudio` ask.
        public var control: FilePath
        public var sink: SinkSpec
        public var policy: SoundPolicy
        /// What another broker wrote down of this session.
        public var records: SoundRecords?
        /// What the host's mixer calls us.
        public var name: String

        public init(
            guest: FilePath, control: FilePath, sink: SinkSpec, policy: SoundPolicy, records: SoundRecords?,
            name: String
        ) {
            self.guest = guest
            self.control = control
            self.sink = sink
            self.policy = policy
            self.records = records
            self.name = name
        }
    }

    struct Refusal {
        let error: Int32
        let reason: String
    }

    /// More than any desktop plays at once; enough memory for each is bounded by this.
    private static let maximumStreams = 256
    /// How long a stopped sink goes on sounding at most, ns: what a device holds that does not say how much.
    private static let longestSounding: UInt64 = 300_000_000

    private let configuration: Configuration
    private let log: Logger
    private let loop: EventLoop
    private let pulseLoop: PulseLoop
    private(set) var policy: SoundPolicy
    private var sink: (any SoundSink)?
    private var sinkFailure: String?
    private var onFirstSinkState: ((SinkState) -> Void)?

    private var listener: OwnedDescriptor?
    private var listenerWatch: EventLoop.Watch?
    private var control: ControlServer?
    private var signals: TerminationSignals?
    private var endTimer: LoopTimer?
    private var violationTimer: LoopTimer?
    private var violations: [(StreamID, String)] = []

    private var connections: [ObjectIdentifier: PluginConnection] = [:]
    private var streams: [StreamID: PlaybackStream] = [:]
    /// Streams that have not come back yet, by identity.
    private var records: [String: StreamRecord] = [:]
    /// Streams that were stopped and wait for the sink to have sounded.
    private var leaving: [PlaybackStream] = []
    /// From `hold` to `attach`: nothing plays.
    private var isHeld = false
    /// When it began, ns of CLOCK_MONOTONIC.
    private var heldAt: UInt64 = 0
    private var isQuitting = false

    /// Listens for the pod and for the host. `ready` hears once how the sink turned out.
    public init(_ configuration: Configuration, log: Logger, ready: @escaping (SinkState) -> Void) throws {
        self.configuration = configuration
        self.log = log
        policy = configuration.policy
        onFirstSinkState = ready
        loop = try EventLoop()
        pulseLoop = try PulseLoop(running: loop)
        if let records = configuration.records { remember(records) }
        try listen()
        control = try ControlServer(at: configuration.control, on: loop) { [weak self] request, answer in
            self?.handle(request, answer)
        }
        signals = try TerminationSignals(on: loop) { [weak self] in self?.quit() }
        violationTimer = try LoopTimer(on: loop) { [weak self] in self?.punish() }
        endTimer = try LoopTimer(on: loop) { [weak self] in self?.end() }
        sink = try makeSink()
        sinkStateChanged()
    }

    /// Runs until `quit`.
    public func run() throws {
        try pulseLoop.run()
    }

    private func remember(_ records: SoundRecords) {
        for record in records.streams { self.records[record.id] = record }
    }

    private func makeSink() throws -> any SoundSink {
        switch configuration.sink {
        case .pulse(let server):
            try PulseSink(
                server: server, applicationName: configuration.name, on: pulseLoop, eventLoop: loop, observer: self)
        case .file(let path): try ClockedSink(file: path, on: loop, observer: self)
        case .null: try ClockedSink(nullAt: 48000, on: loop, observer: self)
        }
    }

    // MARK: The pod

    private var socketPath: FilePath { configuration.guest.appending("sound") }

    private func listen() throws(Errno) {
        // Whoever is in the pod may play; nobody else on the host can enter the folder.
        let socket = try UnixSocket.listen(
            at: socketPath, kind: .sequentialPacket,
            permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
        listenerWatch = try loop.watch(socket.number, for: .readable) { [weak self] _ in self?.accept() }
        listener = consume socket
    }

    private func stopListening() {
        if let listenerWatch { loop.remove(listenerWatch) }
        listenerWatch = nil
        listener = nil
        unlink(socketPath.string)
    }

    private func accept() {
        do {
            while listener != nil, let socket = try acceptNext() {
                guard connections.count < Self.maximumStreams else {
                    log.warning("a connection too many was closed: \(Self.maximumStreams) are open")
                    continue
                }
                let connection = try PluginConnection(socket, loop: loop, broker: self)
                connections[ObjectIdentifier(connection)] = connection
            }
        } catch {
            // Out of descriptors, most likely by a greedy pod. Without a pause the listener, still readable,
            // would keep the loop from everything else.
            log.error("cannot take a connection: \(error)")
            if let listenerWatch { try? loop.change(listenerWatch, to: []) }
            acceptTimer = try? LoopTimer(on: loop) { [weak self] in
                guard let self, let listenerWatch else { return }
                try? loop.change(listenerWatch, to: .readable)
            }
            acceptTimer?.set(nanoseconds: 100_000_000)
        }
    }

    private var acceptTimer: LoopTimer?

    private func acceptNext() throws(Errno) -> OwnedDescriptor? {
        switch listener {
        case .some(let listener): try UnixSocket.accept(from: listener)
        case .none: nil
        }
    }

    func admit(_ connection: PluginConnection, id: StreamID, program: String) -> Refusal? {
        // The same stream on a second connection: its plugin saw the first one break before we did.
        for other in connections.values where other.streamID == id { connectionEnded(other, violation: nil) }
        guard streams.count < Self.maximumStreams else {
            return Refusal(error: EBUSY, reason: "\(streams.count) streams are open already")
        }
        let stream = PlaybackStream(id: id, program: program, converter: .standard, log: log)
        stream.onViolation = { [weak self] reason in
            self?.violations.append((id, reason))
            self?.violationTimer?.set(nanoseconds: 0)
        }
        streams[id] = stream
        return nil
    }

    func stream(_ id: StreamID) -> PlaybackStream? { streams[id] }

    func configure(
        _ id: StreamID, _ configuration: StreamConfiguration, ring: FrameRing, wake: consuming OwnedDescriptor
    ) {
        guard let stream = streams[id] else { return }
        stream.configure(
            configuration, ring: ring, wake: wake, record: records.removeValue(forKey: id.description))
        stream.use(usableSink)
        log.info(
            """
            stream \(id) of \(stream.program): \(configuration.format) \(configuration.rate) Hz \
            \(configuration.channels) channels, period \(configuration.periodFrames), \
            buffer \(configuration.bufferFrames) frames
            """)
    }

    func connectionEnded(_ connection: PluginConnection, violation: String?) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if let violation { log.warning("closed a connection from the pod: \(violation)") }
        if let id = connection.streamID { streams.removeValue(forKey: id)?.close() }
    }

    private func punish() {
        let punished = violations
        violations = []
        for (id, reason) in punished {
            for connection in connections.values where connection.streamID == id {
                connectionEnded(connection, violation: reason)
            }
        }
    }

    // MARK: The host

    private func handle(_ request: BrokerRequest, _ answer: @escaping ControlServer.Answer) {
        switch request {
        case .status: answer(.status(status))
        case .setPolicy(let policy):
            self.policy = policy
            answer(.done)
        case .hold: hold { answer(.done) }
        case .detach: hold { [self] in answer(.records(detach())) }
        case .attach:
            do {
                try attach()
                answer(.done)
            } catch {
                answer(.failed("the sound broker cannot listen for the pod again: \(error)"))
            }
        case .quit:
            answer(.done)
            quit()
        }
    }

    private var status: BrokerStatus {
        let sinkStatus =
            switch sink?.state {
            case .ready(let name, let rate, let channels):
                SinkStatus(
                    spec: configuration.sink.description, name: name, state: "connected", rate: rate,
                    channels: channels)
            case .failed(let reason):
                SinkStatus(spec: configuration.sink.description, name: "", state: reason, rate: 0, channels: 0)
            case .connecting, nil:
                SinkStatus(
                    spec: configuration.sink.description, name: "", state: "connecting", rate: 0, channels: 0)
            }
        return BrokerStatus(
            brokerPID: getpid(), policy: policy, sink: sinkStatus,
            streams: streams.values.compactMap { $0.status() }.sorted { $0.id < $1.id })
    }

    /// Stops every stream at its exact position; what a program writes meanwhile waits in its ring.
    private func hold(_ completion: @escaping () -> Void) {
        isHeld = true
        heldAt = MonotonicClock.nanoseconds
        let held = streams.values.map { $0 }
        var waiting = held.count + 1
        let oneIsDone = {
            waiting -= 1
            if waiting == 0 { completion() }
        }
        for stream in held { stream.hold(completion: oneIsDone) }
        oneIsDone()
    }

    /// The pod is frozen and the streams are held: lets go of the pod, and tells what there was.
    private func detach() -> SoundRecords {
        stopListening()
        var generator = SystemRandomNumberGenerator()
        // 0 means that there is none.
        for stream in streams.values { stream.leave(handover: generator.next() | 1) }
        let found = SoundRecords(policy: policy, streams: streams.values.compactMap { $0.record() })
        connections = [:]
        leaving = streams.values.map { $0 }
        streams = [:]
        remember(found)
        return found
    }

    /// The suspend did not happen.
    private func attach() throws(Errno) {
        isHeld = false
        for stream in leaving { stream.close() }
        leaving = []
        for stream in streams.values { stream.use(usableSink) }
        if listener == nil { try listen() }
    }

    /// Where streams may play now.
    private var usableSink: (any SoundSink)? {
        guard !isHeld, case .ready = sink?.state else { return nil }
        return sink
    }

    /// Ends when what the device holds has sounded, which it mostly has by now: a dump takes longer.
    private func quit() {
        guard !isQuitting else { return }
        isQuitting = true
        stopListening()
        var sounding: UInt64 = 0
        if case .pulse = configuration.sink {
            sounding = leaving.map { min($0.sinkDelay ?? Self.longestSounding, Self.longestSounding) }.max() ?? 0
        }
        let elapsed = MonotonicClock.nanoseconds - heldAt
        endTimer?.set(nanoseconds: sounding - min(sounding, elapsed))
    }

    private func end() {
        for stream in streams.values { stream.close() }
        for stream in leaving { stream.close() }
        sink?.close()
        control?.flush(milliseconds: 100)
        loop.stop()
    }
}

extension SoundBroker: SinkObserver {
    public func sinkStateChanged() {
        guard let state = sink?.state else { return }
        switch state {
        case .connecting: return
        case .ready(let name, let rate, let channels):
            log.info("sink \(name): \(rate) Hz, \(channels) channels")
            sinkFailure = nil
            if !isHeld { for stream in streams.values { stream.use(sink) } }
        case .failed(let reason):
            // Once for each reason: a server that stays away is tried twice a second.
            if sinkFailure != reason { log.error("no sound: \(reason)") }
            sinkFailure = reason
            for stream in streams.values { stream.use(nil) }
        }
        onFirstSinkState?(state)
        onFirstSinkState = nil
    }
}
