public import LinuxSystem
public import SystemPackage

/// The loop that sinks live on, and the sinks that can be made there.
public final class SinkLoop {
    public let events: EventLoop
    private let pulse: PulseLoop

    public init() throws(Errno) {
        events = try EventLoop()
        pulse = try PulseLoop(running: events)
    }

    /// Dispatches until the event loop is stopped.
    public func run() throws(Errno) { try pulse.run() }

    /// Begins to open a sink; `observer` hears how it went. `name` is what the host's mixer calls us. Throws a
    /// `SinkFailure` where it is clear at once that it cannot be.
    public func makeSink(_ spec: SinkSpec, name: String, observer: any SinkObserver) throws -> any SoundSink {
        switch spec {
        case .pulse(let server, let sink):
            try PulseSink(
                server: server, sink: sink, applicationName: name, on: pulse, eventLoop: events, observer: observer)
        case .alsa(let pcm): try AlsaSink(pcm: pcm, on: events, observer: observer)
        case .file(let path): try ClockedSink(file: path, on: events, observer: observer)
        case .null: try ClockedSink(nullAt: 48000, on: events, observer: observer)
        }
    }
}
