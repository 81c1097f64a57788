internal import CPulse
internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A PulseAudio server (PipeWire's too). Every stream is one of its own, rendered at the sink's rate, so that
/// the server's read index counts the very frames that we made.
public final class PulseSink: SoundSink {
    /// How long to wait before a server that went away is looked for again, ns.
    private static let retry: UInt64 = 500_000_000

    public private(set) var state = SinkState.connecting
    let loop: PulseLoop
    private let server: String?
    private let applicationName: String
    private weak var observer: (any SinkObserver)?
    private(set) var context: OpaquePointer?
    private var retryTimer: LoopTimer?
    private var streams: [PulseStream] = []

    /// Begins to connect; `observer` hears how it went.
    public init(
        server: String?, applicationName: String, on pulseLoop: PulseLoop, eventLoop: EventLoop,
        observer: any SinkObserver
    ) throws(Errno) {
        self.server = server
        self.applicationName = applicationName
        self.observer = observer
        loop = pulseLoop
        retryTimer = try LoopTimer(on: eventLoop) { [weak self] in self?.connect() }
        connect()
    }

    public func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient)
        -> any SinkStream
    {
        let stream = PulseStream(sink: self, configuration: configuration, client: client)
        streams.append(stream)
        return stream
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
        if let context {
            pa_context_set_state_callback(context, nil, nil)
            pa_context_disconnect(context)
            pa_context_unref(context)
        }
        context = nil
    }

    private func connect() {
        drop()
        state = .connecting
        guard let context = pa_context_new(loop.api, applicationName) else { return fail("out of memory") }
        self.context = context
        let me = Unmanaged.passUnretained(self).toOpaque()
        pa_context_set_state_callback(
            context,
            { _, me in
                guard let me else { return }
                Unmanaged<PulseSink>.fromOpaque(me).takeUnretainedValue().contextChanged()
            }, me)
        if pa_context_connect(context, server, PA_CONTEXT_NOAUTOSPAWN, nil) < 0 { fail(lastError) }
    }

    private var lastError: String {
        guard let context else { return "no connection" }
        return String(cString: pa_strerror(pa_context_errno(context)))
    }

    private func contextChanged() {
        guard let context else { return }
        switch pa_context_get_state(context) {
        case PA_CONTEXT_READY: askForSink()
        case PA_CONTEXT_FAILED, PA_CONTEXT_TERMINATED: fail(lastError)
        default: break
        }
    }

    private func fail(_ reason: String) {
        let place = server.map { "the PulseAudio server \($0)" } ?? "PulseAudio"
        state = .failed("cannot reach \(place): \(reason)")
        // Not here: libpulse is in the middle of a callback of the context that would be released.
        retryTimer?.set(nanoseconds: Self.retry)
        observer?.sinkStateChanged()
    }

    private func askForSink() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        let operation = pa_context_get_sink_info_by_name(
            context, "@DEFAULT_SINK@",
            { _, info, end, me in
                guard let me else { return }
                let sink = Unmanaged<PulseSink>.fromOpaque(me).takeUnretainedValue()
                if let info {
                    sink.found(
                        name: String(cString: info.pointee.name), rate: info.pointee.sample_spec.rate,
                        channels: UInt32(info.pointee.sample_spec.channels))
                } else if end < 0 {
                    sink.fail("it has no sink")
                }
            }, me)
        if let operation { pa_operation_unref(operation) }
    }

    private func found(name: String, rate: UInt32, channels: UInt32) {
        guard rate > 0 else { return fail("its sink \(name) has no sample rate") }
        state = .ready(name: name, rate: rate, channels: channels)
        observer?.sinkStateChanged()
    }
}
