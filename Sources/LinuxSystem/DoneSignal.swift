internal import CLinux
internal import Glibc

/// Work on a thread of its own that somebody waits for: for blocking system calls, which would hold up a task's thread.
public final class DoneSignal: @unchecked Sendable {
    // Unchecked, and safe: these are touched by whoever runs and waits, one and the same; the new thread sees only its
    // body.
    private var thread = pthread_t()
    private var isJoined = true

    public init() {}

    /// Where no thread is to be had, it is done here and now.
    public func run(_ body: @escaping @Sendable () -> Void) {
        if !start(body) { body() }
    }

    /// False, and nothing was done, when no thread is to be had: for work that goes on until somebody ends it.
    public func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        precondition(isJoined, "one at a time")
        let box = Unmanaged.passRetained(Body(body))
        let error = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().call() }
                return nil
            }, box.toOpaque())
        if error != 0 { box.release() }
        isJoined = error != 0
        return error == 0
    }

    public func wait() {
        guard !isJoined else { return }
        pthread_join(thread, nil)
        isJoined = true
    }

    /// False when it still runs after so long.
    public func wait(milliseconds: UInt32) -> Bool {
        guard !isJoined else { return true }
        isJoined = csys_join_within(thread, milliseconds) == 0
        return isJoined
    }

    deinit { wait() }
}

private final class Body: Sendable {
    let call: @Sendable () -> Void

    init(_ call: @escaping @Sendable () -> Void) { self.call = call }
}
