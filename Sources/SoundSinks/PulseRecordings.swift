internal import CPulse
internal import LinuxSystem
internal import SystemPackage

/// The connections that recordings have to themselves.
///
/// PipeWire's server for PulseAudio's protocol sends nothing of a recording while a message of another stream waits on
/// the same connection. When its loop is late, as on a busy machine, each cycle finds the message that the stream before it
/// has just made: the recording gets nothing, for good (0.3.65; mended upstream in 2026, in commit f75fc4c8).
final class PulseRecordings {
    /// More recordings share these: a PulseAudio server takes 64 connections from all its clients, and what is in a pod may
    /// ask for as many recordings as it likes.
    static let maximumConnections = 4
    /// How long one that nothing uses is kept, ns. libpulse leaves four descriptors behind when a connection ends while it
    /// is being set up (16.1: the ring buffer that the server offers), and what is in a pod may begin and end recordings as
    /// fast as it likes.
    private static let patience: UInt64 = 5_000_000_000

    private let loop: PulseLoop
    private let server: String?
    private let applicationName: String
    private var connections: [PulseRecordingConnection] = []
    private var sweeper: LoopTimer?

    init(server: String?, applicationName: String, on loop: PulseLoop, eventLoop: EventLoop) throws(Errno) {
        self.loop = loop
        self.server = server
        self.applicationName = applicationName
        sweeper = try LoopTimer(on: eventLoop) { [weak self] in self?.endUnused() }
    }

    /// `nil` when there is no memory for one.
    func connection() -> PulseRecordingConnection? {
        let usable = connections.filter { !$0.hasFailed }
        if let unused = usable.first(where: \.captures.isEmpty) { return unused }
        if usable.count >= Self.maximumConnections {
            return usable.min { $0.captures.count < $1.captures.count }
        }
        guard let context = pa_context_new(loop.api, applicationName) else { return nil }
        // Later: libpulse is in a callback of its.
        let new = PulseRecordingConnection(context) { [weak self] in self?.sweeper?.set(nanoseconds: 0) }
        connections.append(new)
        new.connect(to: server)
        return new
    }

    /// A connection may have no recording any more.
    func sweep() { sweeper?.set(nanoseconds: Self.patience) }

    private func endUnused() {
        for failed in connections.filter(\.hasFailed) {
            for capture in failed.captures { capture.disconnected() }
        }
        for unused in connections.filter(\.captures.isEmpty) { unused.close() }
        connections.removeAll(where: \.captures.isEmpty)
    }

    /// Ends all, and with them their recordings. Not in a callback of libpulse's.
    func close() {
        for connection in connections { connection.close() }
        connections = []
    }
}

final class PulseRecordingConnection {
    let context: OpaquePointer
    private(set) var isReady = false
    private(set) var hasFailed = false
    private(set) var captures: [PulseCapture] = []

    private let failed: () -> Void

    /// Takes over `context`; `failed` may be told of it at once.
    init(_ context: OpaquePointer, failed: @escaping () -> Void) {
        self.context = context
        self.failed = failed
        pa_context_set_state_callback(
            context,
            { _, me in
                me.map { Unmanaged<PulseRecordingConnection>.fromOpaque($0).takeUnretainedValue() }?.changed()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func connect(to server: String?) {
        if pa_context_connect(context, server, PA_CONTEXT_NOAUTOSPAWN, nil) < 0 { fail() }
    }

    func add(_ capture: PulseCapture) { captures.append(capture) }

    func remove(_ capture: PulseCapture) { captures.removeAll { $0 === capture } }

    private func changed() {
        switch pa_context_get_state(context) {
        case PA_CONTEXT_READY:
            isReady = true
            for capture in captures { capture.connected() }
        case PA_CONTEXT_FAILED, PA_CONTEXT_TERMINATED: fail()
        default: break
        }
    }

    private func fail() {
        isReady = false
        hasFailed = true
        failed()
    }

    func close() {
        for capture in captures { capture.abandon() }
        captures = []
        pa_context_set_state_callback(context, nil, nil)
        pa_context_disconnect(context)
        pa_context_unref(context)
    }
}
