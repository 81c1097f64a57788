internal import Glibc
internal import LinuxSystem
internal import Logging
internal import SoundControl
internal import SoundDSP
internal import SoundSinks
internal import SystemPackage

/// The pod's side: connections from inside, and the streams that they bring.
extension SoundBroker {
    struct Refusal {
        let error: Int32
        let reason: String
    }

    func listen() throws(Errno) {
        guard listenerWatch == nil else { return }
        listenerWatch = try loop.watch(listener.number, for: .readable) { [weak self] _ in self?.accept() }
    }

    /// Whoever connects from now on waits for the next broker.
    func stopListening() {
        if let listenerWatch { loop.remove(listenerWatch) }
        listenerWatch = nil
    }

    /// A frozen pod's connections that nobody has taken cannot be dumped either. One that runs may connect as fast as we
    /// close, and has its next broker to wait for.
    func closeWaiting() {
        do {
            for _ in 0..<Self.maximumWaiting {
                guard let socket = try UnixSocket.accept(from: listener) else { return }
                _ = consume socket
            }
        } catch {
            log.error("cannot close the connections that wait: \(error)")
        }
    }

    private func accept() {
        do {
            // A few at a time: whoever connects as fast as we close would keep us from everything else.
            for _ in 0..<16 {
                guard listenerWatch != nil, let socket = try UnixSocket.accept(from: listener) else { return }
                guard connections.count < Self.maximumConnections else {
                    podLog.warning("a connection too many was closed: \(Self.maximumConnections) are open")
                    continue
                }
                let connection = try PluginConnection(socket, loop: loop, broker: self)
                connections[ObjectIdentifier(connection)] = connection
            }
        } catch {
            // Out of descriptors, most likely by a greedy pod. Without a pause the listener, still readable,
            // would keep the loop from everything else.
            podLog.error("cannot take a connection: \(error)")
            if let listenerWatch { try? loop.change(listenerWatch, to: []) }
            acceptTimer = try? LoopTimer(on: loop) { [weak self] in
                guard let self, let listenerWatch else { return }
                try? loop.change(listenerWatch, to: .readable)
            }
            acceptTimer?.set(nanoseconds: 100_000_000)
        }
    }

    func admit(_ connection: PluginConnection, id: StreamID, program: String, _ purpose: PluginMessage.Purpose)
        -> Refusal?
    {
        // The same stream on a second connection: its plugin saw the first one break before we did.
        for other in connections.values where other.streamID == id { connectionEnded(other, violation: nil) }
        guard streams.count < Self.maximumStreams else {
            return Refusal(error: EBUSY, reason: "\(streams.count) streams are open already")
        }
        let stream: PodStream =
            purpose == .capture
            ? RecordingStream(id: id, program: program, kind: configuration.converter, log: podLog)
            : PlaybackStream(id: id, program: program, kind: configuration.converter, log: podLog)
        if let playback = stream as? PlaybackStream {
            playback.mayDownmix = mayDownmix
            playback.taps = Array(taps.values)
        }
        stream.onViolation = { [weak self] reason in
            self?.violations.append((id, reason))
            self?.errandTimer?.set(nanoseconds: 0)
        }
        stream.onLost = { [weak self] in
            self?.lostStreams.append(id)
            // The server may be about to say that it has another sink.
            self?.errandTimer?.set(nanoseconds: 100_000_000)
        }
        stream.setMixer(mixer)
        streams[id] = stream
        return nil
    }

    func stream(_ id: StreamID) -> PodStream? { streams[id] }

    /// `nil`, or what is wrong with it.
    func configure(
        _ id: StreamID, _ asked: StreamConfiguration, _ format: SampleFormat, _ map: ChannelMap,
        offer: SoundCapabilities.Offer?, ring: FrameRing, wake: consuming OwnedDescriptor
    ) -> String? {
        guard let stream = streams[id], let offer else { return "configured before hello" }
        var configuration = asked
        configuration.direction = stream is RecordingStream ? .capture : .playback
        let record = records.removeValue(forKey: id.description)
        configuration.policy = record?.configuration.policy ?? offer.policy
        // What was offered under another policy, or by another host, goes on as it is.
        guard record != nil || isAdopting || SoundCapabilities.isWithin(offer, configuration, format) else {
            return "\(asked.format) \(asked.rate) Hz \(asked.channels) channels is more than was offered"
        }
        let others = streams.values.reduce(0) { $0 + ($1 === stream ? 0 : $1.ring?.byteCount ?? 0) }
        guard others + ring.byteCount <= Self.maximumRingBytes else {
            return "its ring would make all rings of the pod's more than \(Self.maximumRingBytes >> 20) MiB"
        }
        stream.configure(configuration, format, map, ring: ring, wake: wake, record: record)
        stream.use(usableSink)
        podLog.info(
            """
            stream \(id) of \(stream.program): \(configuration.direction.rawValue), \(configuration.format) \
            \(configuration.rate) Hz, \(configuration.channelMap), period \(configuration.periodFrames), \
            buffer \(configuration.bufferFrames) frames
            """)
        return nil
    }

    func connectionEnded(_ connection: PluginConnection, violation: String?) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        paused.removeAll { $0 === connection }
        if let violation { podLog.warning("closed a connection from the pod: \(violation)") }
        if let id = connection.streamID { streams.removeValue(forKey: id)?.close() }
    }

    /// Does what could not be done while a sink was at work.
    func runErrands() {
        let punished = violations
        violations = []
        for (id, reason) in punished {
            for connection in connections.values where connection.streamID == id {
                connectionEnded(connection, violation: reason)
            }
        }
        let lost = lostStreams
        lostStreams = []
        for id in lost { streams[id]?.use(usableSink) }
        let due = errands
        errands = []
        for errand in due { errand() }
    }
}
