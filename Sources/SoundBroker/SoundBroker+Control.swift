internal import Glibc
internal import LinuxSystem
internal import Logging
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// The host's side: what the engine and `podaudio` ask.
extension SoundBroker {
    /// How long a stopped sink goes on sounding at most, ns: what a device holds that does not say how much.
    private static let longestSounding: UInt64 = 300_000_000
    /// How long a sink may take to stop, ns: far beyond what any that is alive takes.
    private static let longestHold: UInt64 = 3_000_000_000

    func handle(_ request: BrokerRequest, from connection: ControlConnection, _ answer: @escaping ControlServer.Answer)
    {
        switch request {
        case .status: answer(.status(status(peaks: false)))
        case .levels: answer(.status(status(peaks: true)))
        case .setPolicy(let policy):
            setPolicy(policy)
            answer(.done)
        case .setMixer(let mixer):
            setMixer(mixer)
            answer(.done)
        case .move(let text, let downmix):
            do {
                move(to: try SinkSpec(text), downmix: downmix, answer)
            } catch {
                answer(.failed("\(error)"))
            }
        case .tap: tap(connection, answer)
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

    /// From now on `connection` carries what the pod plays.
    private func tap(_ connection: ControlConnection, _ answer: ControlServer.Answer) {
        guard case .ready(let host) = sink?.state else {
            return answer(.failed("nothing can be heard: the sink is not there; see podaudio status"))
        }
        do {
            let tap = try SoundTap(host, to: connection, on: loop)
            answer(.tap(rate: host.rate, channels: UInt32(host.channelMap.channels)))
            taps[ObjectIdentifier(connection)] = tap
            connection.onEnd = { [weak self] ended in
                self?.taps[ObjectIdentifier(ended)] = nil
                self?.tellTaps()
            }
            tellTaps()
        } catch {
            answer(.failed("nothing can be heard: \(error)"))
        }
    }

    func tellTaps() {
        for case let stream as PlaybackStream in streams.values { stream.taps = Array(taps.values) }
    }

    private func status(peaks: Bool) -> BrokerStatus {
        var status = SinkStatus(
            spec: sinkSpec.description, name: "", state: "connecting", rate: 0, channels: 0, channelMap: "")
        switch sink?.state {
        case .ready(let host):
            status.name = host.name
            status.state = "connected"
            status.rate = host.rate
            status.channels = UInt32(host.channelMap.channels)
            status.channelMap = host.channelMap.description
        case .failed(let reason): status.state = reason
        case .connecting, nil: break
        }
        return BrokerStatus(
            brokerPID: getpid(), policy: policy, mixer: mixer, sink: status,
            streams: streams.values.compactMap { $0.status(peaks: peaks) }.sorted { $0.id < $1.id })
    }

    /// Stops every stream at its exact position; what a program writes meanwhile waits in its ring.
    private func hold(_ completion: @escaping () -> Void) {
        isHeld = true
        heldAt = MonotonicClock.nanoseconds
        holdStreams(completion)
    }

    /// A sink that does not answer is not waited for: what it has played by then is told as far as it is known, and at
    /// most that much is heard again.
    func holdStreams(_ completion: @escaping () -> Void) {
        var waiting: [ObjectIdentifier: PodStream] = [:]
        for stream in streams.values { waiting[ObjectIdentifier(stream)] = stream }
        var isDone = false
        func finishIfAllHeld() {
            guard waiting.isEmpty, !isDone else { return }
            isDone = true
            holdTimer?.cancel()
            completion()
        }
        holdTimer = try? LoopTimer(on: loop) { [weak self] in
            self?.log.error("the sink does not answer; its streams stop where it last said that they were")
            for stream in Array(waiting.values) { stream.use(nil) }
            waiting = [:]
            finishIfAllHeld()
        }
        holdTimer?.set(nanoseconds: Self.longestHold)
        for stream in Array(waiting.values) {
            stream.hold {
                waiting[ObjectIdentifier(stream)] = nil
                finishIfAllHeld()
            }
        }
        finishIfAllHeld()
    }

    /// The pod is frozen and the streams are held: lets go of the pod, and tells what there was.
    private func detach() -> SoundRecords {
        stopListening()
        var generator = SystemRandomNumberGenerator()
        // 0 means that there is none.
        for stream in streams.values { stream.leave(handover: generator.next() | 1) }
        let found = SoundRecords(policy: policy, mixer: mixer, streams: streams.values.compactMap { $0.record() })
        connections = [:]
        leaving = streams.values.map { $0 }
        streams = [:]
        // After those, whose descriptors may be all that there are.
        closeWaiting()
        remember(found)
        return found
    }

    /// The suspend did not happen.
    private func attach() throws {
        isHeld = false
        for stream in leaving { stream.close() }
        leaving = []
        useSink()
        try listen()
    }

    /// Ends when what the device holds has sounded, which it mostly has by now: a dump takes longer.
    func quit() {
        guard !isQuitting else { return }
        isQuitting = true
        stopListening()
        var sounding: UInt64 = 0
        if case .pulse = sinkSpec {
            sounding = leaving.map { min($0.sinkDelay ?? Self.longestSounding, Self.longestSounding) }.max() ?? 0
        }
        let elapsed = MonotonicClock.nanoseconds - heldAt
        endTimer?.set(nanoseconds: sounding - min(sounding, elapsed))
    }

    func end() {
        saveMemory()
        for stream in streams.values { stream.close() }
        for stream in leaving { stream.close() }
        sink?.close()
        control?.flush(milliseconds: 100)
        loop.stop()
    }
}
