internal import LinuxSystem

/// Looks what a sink has, without playing anything.
public final class SinkProbe: SinkObserver {
    private let loop: SinkLoop
    private var sink: (any SoundSink)?
    private var result: SinkState = .connecting

    private init() throws {
        loop = try SinkLoop()
    }

    /// Opens the sink and waits for its word, up to `seconds`. Throws `SinkFailure` with the sink's reason.
    public static func capabilities(of spec: SinkSpec, seconds: Int = 10) throws -> SinkCapabilities {
        let probe = try SinkProbe()
        let timer = try LoopTimer(on: probe.loop.events) { probe.loop.events.stop() }
        timer.set(nanoseconds: UInt64(seconds) * 1_000_000_000)
        let sink = try probe.loop.makeSink(spec, name: "MediaPod", observer: probe)
        probe.sink = sink
        probe.sinkStateChanged(sink)
        if case .connecting = probe.result { try probe.loop.run() }
        sink.close()
        withExtendedLifetime(timer) {}
        switch probe.result {
        case .ready(let capabilities): return capabilities
        case .failed(let reason): throw SinkFailure(reason: reason)
        case .connecting: throw SinkFailure(reason: "\(spec) did not answer within \(seconds) s")
        }
    }

    public func sinkStateChanged(_ sink: any SoundSink) {
        guard sink === self.sink, sink.state != .connecting else { return }
        result = sink.state
        loop.events.stop()
    }
}
