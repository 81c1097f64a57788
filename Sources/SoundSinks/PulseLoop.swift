internal import CPulse
public import LinuxSystem
public import SystemPackage

/// libpulse's main loop with an event loop inside: both on one thread.
///
/// libpulse brings a loop of its own and an interface to replace it; its own watches the event loop's single
/// descriptor, which is less code and fewer surprises than an implementation of the interface.
public final class PulseLoop {
    private let loop: OpaquePointer
    private let events: EventLoop
    private var failure: Errno?

    public init(running events: EventLoop) throws(Errno) {
        guard let loop = pa_mainloop_new() else { throw .noMemory }
        self.loop = loop
        self.events = events
        let api = pa_mainloop_get_api(loop)
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = api?.pointee.io_new(
            api, events.descriptor, PA_IO_EVENT_INPUT,
            { _, _, _, _, me in
                guard let me else { return }
                Unmanaged<PulseLoop>.fromOpaque(me).takeUnretainedValue().dispatch()
            }, me)
    }

    deinit { pa_mainloop_free(loop) }

    var api: UnsafeMutablePointer<pa_mainloop_api>? { pa_mainloop_get_api(loop) }

    private func dispatch() {
        do { try events.dispatch(timeoutMilliseconds: 0) } catch { failure = error }
    }

    /// Dispatches both until the event loop is stopped.
    public func run() throws(Errno) { try run { events.isStopped } }

    /// Dispatches both until `isDone`, which is asked after each event.
    public func run(until isDone: () -> Bool) throws(Errno) {
        while !isDone() {
            if let failure { throw failure }
            if pa_mainloop_iterate(loop, 1, nil) < 0 { throw .ioError }
        }
    }
}
