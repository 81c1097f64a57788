internal import CPulse
internal import Glibc
internal import LinuxSystem
internal import SoundDSP

/// One recording at a PulseAudio server, of its default source.
final class PulseCapture: CaptureStream {
    private let recordings: PulseRecordings
    /// `nil` once it is closed, or when there never was one.
    private var connection: PulseRecordingConnection?
    private weak var client: (any CaptureStreamClient)?
    private let configuration: SinkStreamConfiguration
    private let frameBytes: Int
    private var stream: OpaquePointer?
    private var isReady = false
    private var isRunning = false
    private var operation: OpaquePointer?
    private var completion: (() -> Void)?
    /// What stands for a hole in the recording.
    private let silence: [UInt8]

    init(
        at recordings: PulseRecordings, configuration: SinkStreamConfiguration, client: any CaptureStreamClient
    ) {
        self.recordings = recordings
        self.client = client
        self.configuration = configuration
        frameBytes = configuration.layout.frameBytes
        silence = [UInt8](repeating: 0, count: frameBytes * 1024)
        connection = recordings.connection()
        connection?.add(self)
        connected()
    }

    /// Begins, when its connection can.
    func connected() {
        guard let connection, connection.isReady, stream == nil else { return }
        var spec = PulseChannels.sampleSpec(configuration.layout, rate: configuration.rate)
        var map = PulseChannels.pulseMap(configuration.layout.channelMap)
        guard let stream = pa_stream_new(connection.context, configuration.name, &spec, &map) else { return }
        self.stream = stream
        pa_stream_set_state_callback(stream, { _, me in PulseCapture.from(me)?.stateChanged() }, me)
        pa_stream_set_read_callback(stream, { _, _, me in PulseCapture.from(me)?.deliver() }, me)
        var attributes = pa_buffer_attr(
            maxlength: UInt32.max, tlength: UInt32.max, prebuf: UInt32.max, minreq: UInt32.max,
            fragsize: UInt32(clamping: min(configuration.periodFrames, 1 << 20) * frameBytes))
        // Without it, a source gives what it has recorded when it likes, up to two seconds later.
        let flags = PA_STREAM_START_CORKED.rawValue | PA_STREAM_ADJUST_LATENCY.rawValue
        pa_stream_connect_record(stream, nil, &attributes, pa_stream_flags_t(flags))
    }

    /// Its connection has failed.
    func disconnected() {
        // Once begun, its stream has said so.
        if stream == nil { client?.lost() }
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> PulseCapture? {
        pointer.map { Unmanaged<PulseCapture>.fromOpaque($0).takeUnretainedValue() }
    }

    private var me: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    func setRunning(_ running: Bool) {
        guard running != isRunning, completion == nil else { return }
        isRunning = running
        guard isReady, let stream else { return }
        if let operation = pa_stream_cork(stream, running ? 0 : 1, nil, nil) { pa_operation_unref(operation) }
    }

    func stop(_ completion: @escaping () -> Void) {
        isRunning = false
        guard isReady, let stream, self.completion == nil else { return completion() }
        self.completion = completion
        operation = pa_stream_cork(
            stream, 1,
            { _, _, me in
                guard let capture = PulseCapture.from(me) else { return }
                // What the server had sent before it answered is here by now.
                capture.deliver()
                capture.finish()
            }, me)
        if operation == nil { finish() }
    }

    private func finish() {
        if let operation {
            pa_operation_cancel(operation)
            pa_operation_unref(operation)
        }
        operation = nil
        let completion = self.completion
        self.completion = nil
        completion?()
    }

    func close() {
        connection?.remove(self)
        abandon()
        recordings.sweep()
    }

    /// The connection is gone, or goes now.
    func abandon() {
        client = nil
        connection = nil
        finish()
        guard let stream else { return }
        pa_stream_set_state_callback(stream, nil, nil)
        pa_stream_set_read_callback(stream, nil, nil)
        self.stream = nil
        disconnect(stream)
    }

    private func stateChanged() {
        guard let stream else { return }
        switch pa_stream_get_state(stream) {
        case PA_STREAM_READY:
            isReady = true
            if isRunning, let operation = pa_stream_cork(stream, 0, nil, nil) { pa_operation_unref(operation) }
        case PA_STREAM_FAILED, PA_STREAM_TERMINATED:
            isReady = false
            finish()
            client?.lost()
        default: break
        }
    }

    private func deliver() {
        while let stream, let client, pa_stream_readable_size(stream) > 0 {
            var data: UnsafeRawPointer?
            var bytes = 0
            guard pa_stream_peek(stream, &data, &bytes) == 0, bytes > 0 else { return }
            if let data {
                client.captured(data, count: bytes / frameBytes, delayNanoseconds: 0)
            } else {
                fillHole(frames: bytes / frameBytes, for: client)
            }
            pa_stream_drop(stream)
        }
    }

    private func fillHole(frames: Int, for client: any CaptureStreamClient) {
        silence.withUnsafeBytes { silence in
            guard let base = silence.baseAddress else { return }
            var rest = frames
            while rest > 0 {
                let count = min(rest, silence.count / frameBytes)
                client.captured(base, count: count, delayNanoseconds: 0)
                rest -= count
            }
        }
    }
}
