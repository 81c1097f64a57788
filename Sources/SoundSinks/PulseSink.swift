internal import CPulse
internal import Glibc
public import LinuxSystem
public import SoundDSP
public import SystemPackage

/// A PulseAudio server (PipeWire's too). Every stream is one of its own, rendered at the sink's rate, so that
/// the server's read index counts the very frames that we made.
public final class PulseSink: SoundSink {
    /// How long to wait before a server that went away is looked for again, ns.
    private static let retry: UInt64 = 500_000_000

    public private(set) var state = SinkState.connecting
    let loop: PulseLoop
    private let server: String?
    /// The sink's name; `nil` follows the server's default.
    let sinkName: String?
    private let applicationName: String
    private weak var observer: (any SinkObserver)?
    private(set) var context: OpaquePointer?
    private var retryTimer: LoopTimer?
    private var streams: [PulseStream] = []
    private let recordings: PulseRecordings
    /// What a query under way has found so far.
    private var found: SinkCapabilities?
    private var foundSource: SourceCapabilities?
    private var isQuerying = false
    private var isQueryStale = false

    /// Begins to connect; `observer` hears how it went.
    public init(
        server: String?, sink: String?, applicationName: String, on pulseLoop: PulseLoop, eventLoop: EventLoop,
        observer: any SinkObserver
    ) throws(Errno) {
        self.server = server
        sinkName = sink
        self.applicationName = applicationName
        self.observer = observer
        loop = pulseLoop
        recordings = try PulseRecordings(
            server: server, applicationName: applicationName, on: pulseLoop, eventLoop: eventLoop)
        retryTimer = try LoopTimer(on: eventLoop) { [weak self] in self?.connect() }
        connect()
    }

    /// The server keeps each stream in its own format, and its mixer puts what has no more channels than the sink where
    /// it belongs; what has more is for us to mix.
    public func layout(for format: SampleFormat, _ channelMap: ChannelMap) -> SampleLayout {
        guard case .ready(let capabilities) = state, channelMap.channels > capabilities.channelMap.channels else {
            return SampleLayout(format: format, channelMap: channelMap)
        }
        return SampleLayout(format: .float32, channelMap: capabilities.channelMap)
    }

    public func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient)
        -> any SinkStream
    {
        let stream = PulseStream(sink: self, configuration: configuration, client: client)
        streams.append(stream)
        return stream
    }

    public func makeCapture(_ configuration: SinkStreamConfiguration, client: any CaptureStreamClient)
        -> any CaptureStream
    {
        PulseCapture(at: recordings, configuration: configuration, client: client)
    }

    public func close() {
        retryTimer = nil
        drop()
    }

    func remove(_ stream: PulseStream) {
        streams.removeAll { $0 === stream }
    }

    private func drop() {
        // Each lets go of its client's callbacks before the connection, and with it the stream, ends.
        for stream in streams { stream.abandon() }
        streams = []
        recordings.close()
        isQuerying = false
        if let context {
            pa_context_set_state_callback(context, nil, nil)
            pa_context_set_subscribe_callback(context, nil, nil)
            pa_context_disconnect(context)
            pa_context_unref(context)
        }
        context = nil
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> PulseSink? {
        pointer.map { Unmanaged<PulseSink>.fromOpaque($0).takeUnretainedValue() }
    }

    private var me: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    private func connect() {
        drop()
        state = .connecting
        guard let context = pa_context_new(loop.api, applicationName) else { return fail("out of memory") }
        self.context = context
        pa_context_set_state_callback(context, { _, me in PulseSink.from(me)?.contextChanged() }, me)
        if pa_context_connect(context, server, PA_CONTEXT_NOAUTOSPAWN, nil) < 0 { fail(lastError) }
    }

    private var lastError: String {
        guard let context else { return "no connection" }
        return String(cString: pa_strerror(pa_context_errno(context)))
    }

    private var place: String { server.map { "the PulseAudio server \($0)" } ?? "PulseAudio" }

    private func contextChanged() {
        guard let context else { return }
        switch pa_context_get_state(context) {
        case PA_CONTEXT_READY:
            // Another default, a sink that comes or goes.
            pa_context_set_subscribe_callback(context, { _, _, _, me in PulseSink.from(me)?.query() }, me)
            let mask = PA_SUBSCRIPTION_MASK_SERVER.rawValue | PA_SUBSCRIPTION_MASK_SINK.rawValue
            forget(pa_context_subscribe(context, pa_subscription_mask_t(mask), nil, nil))
            query()
        case PA_CONTEXT_FAILED, PA_CONTEXT_TERMINATED: fail(lastError)
        default: break
        }
    }

    private func fail(_ reason: String) {
        state = .failed("cannot reach \(place): \(reason)")
        // Not here: libpulse is in the middle of a callback of the context that would be released.
        retryTimer?.set(nanoseconds: Self.retry)
        observer?.sinkStateChanged(self)
    }

    private func forget(_ operation: OpaquePointer?) {
        if let operation { pa_operation_unref(operation) }
    }

    // MARK: What the server has

    /// Asks for the source and the sink; one question at a time, the last one answered by what was true after it.
    private func query() {
        guard let context else { return }
        guard !isQuerying else { return isQueryStale = true }
        isQuerying = true
        isQueryStale = false
        found = nil
        foundSource = nil
        forget(
            pa_context_get_source_info_by_name(
                context, "@DEFAULT_SOURCE@",
                { _, info, _, me in
                    guard let info, let sink = PulseSink.from(me) else { return }
                    sink.foundSource = SourceCapabilities(
                        name: String(cString: info.pointee.name), rate: info.pointee.sample_spec.rate,
                        channelMap: PulseChannels.map(of: info.pointee.channel_map))
                }, me))
        forget(
            pa_context_get_sink_info_by_name(
                context, sinkName ?? "@DEFAULT_SINK@",
                { _, info, end, me in
                    guard let sink = PulseSink.from(me) else { return }
                    if let info {
                        sink.found = SinkCapabilities(
                            name: String(cString: info.pointee.name), rate: info.pointee.sample_spec.rate,
                            channelMap: PulseChannels.map(of: info.pointee.channel_map))
                    }
                    if end != 0 { sink.answered() }
                }, me))
    }

    private func answered() {
        isQuerying = false
        if isQueryStale { return query() }
        guard var capabilities = found, capabilities.rate > 0 else {
            let what = sinkName.map { "no sink \($0)" } ?? "no sink"
            return become(.failed("\(place) has \(what)"))
        }
        // `auto_null` is what a server makes up while it has nothing: no sound is better than none that is heard.
        capabilities.source = foundSource.flatMap { $0.rate > 0 ? $0 : nil }
        become(.ready(capabilities))
    }

    private func become(_ new: SinkState) {
        guard new != state else { return }
        state = new
        observer?.sinkStateChanged(self)
    }
}
