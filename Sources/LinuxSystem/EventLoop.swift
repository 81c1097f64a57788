internal import CLinux
public import SystemPackage

/// Readiness of descriptors, one thread, level-triggered. Not thread-safe: everything happens on the thread
/// that dispatches.
public final class EventLoop {
    public struct Readiness: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
        public static let readable = Readiness(rawValue: 1)
        public static let writable = Readiness(rawValue: 2)
        /// The other end is gone, or the descriptor is in error. Always reported.
        public static let hangUp = Readiness(rawValue: 4)
    }

    /// One watched descriptor.
    public struct Watch: Hashable, Sendable {
        fileprivate let token: UInt64
        fileprivate let descriptor: Int32
    }

    private let epoll: OwnedDescriptor
    private var handlers: [UInt64: (Readiness) -> Void] = [:]
    private var lastToken: UInt64 = 0
    private var stopped = false
    // One round's events: fields, so that a round allocates nothing.
    private var tokens = [UInt64](repeating: 0, count: 64)
    private var ready = [Int32](repeating: 0, count: 64)

    public init() throws(Errno) {
        epoll = OwnedDescriptor(adopting: try check(csys_epoll_create()))
    }

    /// Readable whenever `dispatch` has something to do: lets this loop run inside another one.
    public var descriptor: Int32 { epoll.number }

    /// Calls `handler` whenever `descriptor` is ready, until the watch is removed. The descriptor stays the
    /// caller's, who removes the watch before closing it.
    public func watch(
        _ descriptor: Int32, for interest: Readiness, handler: @escaping (Readiness) -> Void
    ) throws(Errno) -> Watch {
        lastToken += 1
        try check(csys_epoll_watch(epoll.number, descriptor, 0, interest.rawValue, lastToken))
        handlers[lastToken] = handler
        return Watch(token: lastToken, descriptor: descriptor)
    }

    public func change(_ watch: Watch, to interest: Readiness) throws(Errno) {
        guard handlers[watch.token] != nil else { return }
        try check(csys_epoll_watch(epoll.number, watch.descriptor, 1, interest.rawValue, watch.token))
    }

    /// No handler call happens after this returns. Removing twice does nothing.
    public func remove(_ watch: Watch) {
        guard handlers.removeValue(forKey: watch.token) != nil else { return }
        _ = csys_epoll_forget(epoll.number, watch.descriptor)
    }

    /// One round: waits up to `timeoutMilliseconds` (-1: for ever), then calls the handlers of what is ready.
    public func dispatch(timeoutMilliseconds: Int32) throws(Errno) {
        let count = try check(csys_epoll_wait(epoll.number, &tokens, &ready, 64, timeoutMilliseconds))
        for index in 0..<Int(count) {
            // A handler that ran before may have removed this one.
            handlers[tokens[index]]?(Readiness(rawValue: ready[index]))
        }
    }

    /// Dispatches until `stop` is called.
    public func run() throws(Errno) {
        while !stopped { try dispatch(timeoutMilliseconds: -1) }
    }

    public func stop() { stopped = true }

    public var isStopped: Bool { stopped }
}
