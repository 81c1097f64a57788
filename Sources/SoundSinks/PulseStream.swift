internal import CPulse
internal import Glibc
internal import LinuxSystem
internal import SoundDSP

/// One stream at a PulseAudio server.
///
/// Nothing that was written is ever flushed or seeked over, so the server's read index stays the count of
/// frames played since the stream began; what shall not be heard is dropped with the stream, or written over before it
/// is heard, which moves no index but the written one.
final class PulseStream: SinkStream {
    /// How often the delay between read index and loudspeaker is asked for, ns.
    private static let timingInterval: UInt64 = 1_000_000_000
    /// How often it is, while the server has yet to begin to read, µs.
    private static let waitingInterval: UInt64 = 10_000
    /// How late a server may begin to read, ns, before it is taken for one that waits for more: several cycles of the
    /// longest that PipeWire has by default, 2048 frames.
    private static let late: UInt64 = 200_000_000

    private weak var sink: PulseSink?
    private let loop: PulseLoop
    private weak var client: (any SinkStreamClient)?
    private let configuration: SinkStreamConfiguration
    private let frameBytes: Int
    private var stream: OpaquePointer?
    private var isReady = false
    private var isRunning = false
    private var isStopping = false
    /// Bytes of the server's streams before this one, all of them played.
    private var earlier: UInt64 = 0
    /// Bytes given to the server since its stream began.
    private var written: UInt64 = 0
    /// Bytes that the server is known to have read; never goes back.
    private var read: UInt64 = 0
    /// When that was learned, ns of CLOCK_MONOTONIC.
    private var readTime: UInt64 = 0
    private var targetLength: UInt64 = 0
    private var delay: UInt64 = 0
    private var nextTiming: UInt64 = 0
    /// It runs, and the server has not read anything since it does. That may take seconds: what a sink has rendered
    /// ahead comes first, unless it can take it back.
    private var isWaiting = false
    private var waitingTimer: OpaquePointer?
    private var waitingInterval = PulseStream.waitingInterval / 2
    /// By when all that was written should have been heard, ns of CLOCK_MONOTONIC; 0 while that is not known.
    private var waitingEnd: UInt64 = 0
    private var completion: ((UInt64) -> Void)?
    private var operations = PulseOperations()
    /// At most one at a time: a server keeps no count of them.
    private var drainOperation: OpaquePointer?
    private var drainWhenReady = false
    private var isPlayingRest = false
    /// The server said so, and has read nothing since.
    private var isDry = false
    /// The client had fewer frames than there was room for when it was last asked.
    private var isShort = false

    init(sink: PulseSink, configuration: SinkStreamConfiguration, client: any SinkStreamClient) {
        self.sink = sink
        loop = sink.loop
        self.client = client
        self.configuration = configuration
        frameBytes = configuration.layout.frameBytes
        connect()
    }

    private func connect() {
        isReady = false
        isDry = false
        var spec = PulseChannels.sampleSpec(configuration.layout, rate: configuration.rate)
        var map = PulseChannels.pulseMap(configuration.layout.channelMap)
        guard let sink, let context = sink.context, let stream = pa_stream_new(context, configuration.name, &spec, &map)
        else { return }
        self.stream = stream
        let me = Unmanaged.passUnretained(self).toOpaque()
        pa_stream_set_state_callback(stream, { _, me in PulseStream.from(me)?.stateChanged() }, me)
        pa_stream_set_write_callback(stream, { _, _, me in PulseStream.from(me)?.fill() }, me)
        pa_stream_set_underflow_callback(stream, { _, me in PulseStream.from(me)?.underflowed() }, me)
        pa_stream_set_buffer_attr_callback(stream, { _, me in PulseStream.from(me)?.readAttributes() }, me)

        // prebuf must be at least one frame: with none, the server plays silence in place of late frames and
        // drops those when they come, and the read index counts what nobody heard.
        func bytes(_ frames: Int) -> UInt32 { UInt32(clamping: frames * frameBytes) }
        var attributes = pa_buffer_attr(
            maxlength: UInt32.max, tlength: bytes(configuration.bufferFrames), prebuf: bytes(1),
            minreq: bytes(configuration.periodFrames), fragsize: UInt32.max)
        // Early requests: the server asks whenever a period was read, as an ALSA device interrupts.
        let flags = PA_STREAM_START_CORKED.rawValue | PA_STREAM_EARLY_REQUESTS.rawValue
        pa_stream_connect_playback(stream, sink.sinkName, &attributes, pa_stream_flags_t(flags), nil, nil)
    }

    /// What the client is told.
    private var playedFrames: UInt64 { (earlier + read) / UInt64(frameBytes) }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> PulseStream? {
        pointer.map { Unmanaged<PulseStream>.fromOpaque($0).takeUnretainedValue() }
    }

    private var me: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    // MARK: SinkStream

    func setRunning(_ running: Bool) {
        guard running != isRunning else { return }
        isRunning = running
        if isReady, !isStopping { cork(!running) }
        fill()
    }

    func setGain(_ gain: Float) {
        guard gain != self.gain else { return }
        self.gain = gain
        applyGain()
    }

    private var gain: Float = 1

    /// By the server, which has frames of seconds ahead and can still change them.
    private func applyGain() {
        guard isReady, let stream, let context = sink?.context else { return }
        var volume = pa_cvolume()
        let channels = pa_stream_get_sample_spec(stream).map { UInt32($0.pointee.channels) } ?? 2
        pa_cvolume_set(&volume, channels, pa_sw_volume_from_linear(Double(gain)))
        operations.keep(pa_context_set_sink_input_volume(context, pa_stream_get_index(stream), &volume, nil, nil))
    }

    func framesAvailable() { fill() }

    func rewind(_ frames: UInt64) -> Bool {
        let (bytes, overflow) = frames.multipliedReportingOverflow(by: UInt64(frameBytes))
        guard !isStopping, drainOperation == nil, !overflow, bytes <= written - read else { return false }
        written -= bytes
        rewound += bytes
        fill()
        return true
    }

    var hasVoidFrames: Bool { rewound > 0 }

    /// Bytes at the server that the next write takes the place of.
    private var rewound: UInt64 = 0

    func drain() {
        guard isReady, !isStopping, drainOperation == nil, let stream else {
            drainWhenReady = true
            return
        }
        drainWhenReady = false
        drainOperation = pa_stream_drain(
            stream, { _, success, me in PulseStream.from(me)?.drainEnded(success != 0) }, me)
    }

    func stop(_ completion: @escaping (UInt64) -> Void) {
        guard !isStopping, isReady, let stream else { return completion(playedFrames) }
        isStopping = true
        isRunning = false
        self.completion = completion
        let operation = pa_stream_cork(
            stream, 1,
            { _, success, me in
                guard let stream = PulseStream.from(me) else { return }
                if success != 0 { stream.askForFinalIndex() } else { stream.finish() }
            }, me)
        if !operations.keep(operation) { finish() }
    }

    func close() {
        sink?.remove(self)
        abandon()
    }

    /// The connection is gone, or goes now.
    func abandon() {
        client = nil
        finish()
        if let stream { detach(stream) }
    }

    /// Nothing is heard of it any more.
    private func detach(_ stream: OpaquePointer) {
        if let drainOperation { pa_operation_cancel(drainOperation) }
        forgetDrain()
        operations.cancelAll()
        stopWaiting()
        pa_stream_set_state_callback(stream, nil, nil)
        pa_stream_set_write_callback(stream, nil, nil)
        pa_stream_set_underflow_callback(stream, nil, nil)
        pa_stream_set_buffer_attr_callback(stream, nil, nil)
        self.stream = nil
        disconnect(stream)
    }

    // MARK: Exact position

    private func askForFinalIndex() {
        guard let stream else { return finish() }
        let operation = pa_stream_update_timing_info(
            stream, { _, success, me in PulseStream.from(me)?.takeFinalIndex(success != 0) }, me)
        if !operations.keep(operation) { finish() }
    }

    private func takeFinalIndex(_ success: Bool) {
        // The raw index, which the server counted; pa_stream_get_latency would interpolate.
        if success, let stream, let timing = pa_stream_get_timing_info(stream),
            timing.pointee.read_index_corrupt == 0, timing.pointee.read_index >= 0
        {
            read = min(UInt64(timing.pointee.read_index), written)
        }
        finish()
    }

    private func finish() {
        let completion = self.completion
        self.completion = nil
        completion?(playedFrames)
    }

    // MARK: Callbacks

    private func cork(_ on: Bool) {
        guard let stream else { return }
        stopWaiting()
        if on { isDry = false }
        operations.keep(pa_stream_cork(stream, on ? 1 : 0, nil, nil))
        isWaiting = !on
        updateTiming()
    }

    private func stateChanged() {
        guard let stream else { return }
        switch pa_stream_get_state(stream) {
        case PA_STREAM_READY:
            isReady = true
            readAttributes()
            fill()
            if gain != 1 { applyGain() }
            if isRunning { cork(false) }
            if drainWhenReady { drain() }
        case PA_STREAM_FAILED, PA_STREAM_TERMINATED:
            isReady = false
            finish()
            // The sink is gone, or somebody killed the stream in a mixer.
            client?.lost()
        default: break
        }
    }

    private func readAttributes() {
        guard let stream, let attributes = pa_stream_get_buffer_attr(stream) else { return }
        targetLength = UInt64(attributes.pointee.tlength)
    }

    /// Gives the server what it asked for, as far as the client has it. RT safe but for what libpulse does.
    private func fill() {
        guard isReady, !isStopping, !isPlayingRest, let stream, let client else { return }
        var writable = pa_stream_writable_size(stream)
        guard writable != Int.max, writable != -1 else { return }
        advance(to: written + rewound + UInt64(writable), of: client)
        // A client may close its stream when it is told or asked.
        guard self.stream != nil else { return }
        writable += Int(clamping: rewound)
        while writable >= frameBytes {
            var chunk: UnsafeMutableRawPointer?
            var capacity = writable
            guard pa_stream_begin_write(stream, &chunk, &capacity) == 0, let chunk else { return }
            let wanted = min(capacity, writable) / frameBytes
            let frames = client.render(into: chunk, frames: wanted)
            guard self.stream != nil else { return }
            isShort = frames < wanted
            guard frames > 0 else {
                pa_stream_cancel_write(stream)
                playRest()
                break
            }
            let bytes = frames * frameBytes
            guard pa_stream_write(stream, chunk, bytes, nil, -Int64(clamping: rewound), PA_SEEK_RELATIVE) == 0
            else { return }
            rewound = 0
            waitingEnd = 0
            written += UInt64(bytes)
            writable -= bytes
            if frames < wanted { break }
        }
        updateTiming()
    }

    /// A server that works in cycles of its own (PipeWire's) keeps the end of a stream that ran dry, when it is less than a
    /// cycle, until more comes: it would neither be heard nor be told as played, and the program never hear of its xrun. A
    /// drain lets it be played. What comes next needs a stream of its own: after a drain, PipeWire 0.3.65 drops as many
    /// frames as the last cycle lacked.
    ///
    /// What begins with less than a cycle it is not even said to have run dry.
    private func playRest() {
        guard isDry || isOverdue, isRunning, !isStopping, drainOperation == nil, rewound == 0, let stream,
            read < written
        else { return }
        isPlayingRest = true
        drainOperation = pa_stream_drain(
            stream, { _, success, me in PulseStream.from(me)?.restEnded(success != 0) }, me)
        if drainOperation == nil { isPlayingRest = false }
    }

    private func restEnded(_ success: Bool) {
        forgetDrain()
        isPlayingRest = false
        guard !isStopping, let client else { return }
        guard success else { return fill() }
        // Whatever the client asks for when it hears of it is the next one's.
        isReady = false
        read = written
        client.played(playedFrames, delayNanoseconds: delay)
        guard let stream else { return }
        detach(stream)
        earlier += written
        (written, read) = (0, 0)
        connect()
    }

    /// The server has asked for `requested` bytes in all; it keeps the target length at most, so it has read
    /// what is beyond that.
    private func advance(to requested: UInt64, of client: any SinkStreamClient) {
        guard requested > targetLength else { return }
        let known = min(requested - targetLength, written)
        guard known > read else { return }
        isDry = false
        hasRead(known)
        client.played(playedFrames, delayNanoseconds: delay)
    }

    private func hasRead(_ bytes: UInt64) {
        if isWaiting { stopWaiting() }
        read = bytes
        readTime = MonotonicClock.nanoseconds
    }

    private func underflowed() {
        guard let stream, let client, !isStopping else { return }
        isDry = true
        let index = pa_stream_get_underflow_index(stream)
        if index >= 0, UInt64(index) <= written, UInt64(index) > read {
            hasRead(UInt64(index))
            client.played(playedFrames, delayNanoseconds: delay)
        }
        fill()
    }

    private func drainEnded(_ success: Bool) {
        forgetDrain()
        guard success, !isStopping, let client else { return }
        read = written
        client.played(playedFrames, delayNanoseconds: 0)
        self.client?.drained()
    }

    private func forgetDrain() {
        if let drainOperation { pa_operation_unref(drainOperation) }
        drainOperation = nil
    }

    // MARK: The way from the server's buffer to the ear

    private func updateTiming() {
        let now = MonotonicClock.nanoseconds
        guard isRunning, waitingTimer == nil, now >= nextTiming else { return }
        nextTiming = now + Self.timingInterval
        askForTiming()
    }

    private func askForTiming() {
        guard isRunning, !isStopping, let stream else { return }
        operations.keep(
            pa_stream_update_timing_info(
                stream, { _, success, me in if success != 0 { PulseStream.from(me)?.takeTiming() } }, me))
    }

    private func takeTiming() {
        guard isRunning, !isStopping, let client else { return }
        // A stream that has nothing would be told that it starves.
        guard written > read else { return nextTiming = 0 }
        let before = delay
        takeDelay()
        client.played(playedFrames, delayNanoseconds: delay)
        guard isWaiting else { return }
        if waitingEnd == 0 { waitingEnd = MonotonicClock.nanoseconds &+ delay &+ duration(written - read) &+ Self.late }
        if isOverdue { playRest() }
        waitOn(isNearer: delay < before)
    }

    /// Of so many bytes, ns.
    private func duration(_ bytes: UInt64) -> UInt64 {
        guard let stream, let spec = pa_stream_get_sample_spec(stream) else { return 0 }
        return pa_bytes_to_usec(bytes, spec).multipliedReportingOverflow(by: 1000).partialValue
    }

    /// Whether a server should have read long ago what it has, and there is no more.
    private var isOverdue: Bool {
        isWaiting && isShort && waitingEnd > 0 && MonotonicClock.nanoseconds > waitingEnd
    }

    /// A server reads some ms at a time, and its sink's latency falls until it reads again. So what was heard is behind what
    /// was last told, and has moved on since as a pointer would, by this much; whenever the server was asked.
    private func takeDelay() {
        guard let stream, let timing = pa_stream_get_timing_info(stream), timing.pointee.read_index_corrupt == 0,
            let spec = pa_stream_get_sample_spec(stream)
        else { return }
        let period = UInt64(configuration.periodFrames) * 1_000_000 / UInt64(configuration.rate)
        let since = isWaiting ? 0 : min((MonotonicClock.nanoseconds - readTime) / 1000, period)
        let told = Int64(clamping: pa_bytes_to_usec(read, spec))
        let reached = Int64(clamping: pa_bytes_to_usec(UInt64(max(0, timing.pointee.read_index)), spec))
        let sounding = Int64(clamping: timing.pointee.sink_usec) - Int64(clamping: timing.pointee.transport_usec)
        // A server may say anything.
        let microseconds = told &+ Int64(since) &- reached &+ sounding
        delay = UInt64(clamping: microseconds).multipliedReportingOverflow(by: 1000).partialValue
    }

    /// Asks again, soon where time brings the first frame nearer, and ever less often where it does not: a server whose
    /// device is suspended reads nothing.
    private func waitOn(isNearer: Bool) {
        guard let context = sink?.context, stream != nil else { return }
        waitingInterval = isNearer ? Self.waitingInterval : min(2 * waitingInterval, Self.timingInterval / 1000)
        let next = pa_rtclock_now() + waitingInterval
        if let waitingTimer { return pa_context_rttime_restart(context, waitingTimer, next) }
        waitingTimer = pa_context_rttime_new(context, next, { _, _, _, me in PulseStream.from(me)?.askForTiming() }, me)
    }

    private func stopWaiting() {
        isWaiting = false
        waitingInterval = Self.waitingInterval / 2
        waitingEnd = 0
        nextTiming = 0
        if let waitingTimer { loop.api?.pointee.time_free(waitingTimer) }
        waitingTimer = nil
    }
}
