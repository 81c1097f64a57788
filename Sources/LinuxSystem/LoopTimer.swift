internal import CLinux
internal import Glibc
public import SystemPackage

/// A timer of an event loop, on CLOCK_MONOTONIC. Stops when it is released.
public final class LoopTimer {
    private let loop: EventLoop
    private let timer: OwnedDescriptor
    private var watch: EventLoop.Watch?

    public init(on loop: EventLoop, handler: @escaping () -> Void) throws(Errno) {
        self.loop = loop
        timer = OwnedDescriptor(adopting: try check(csys_timer_create()))
        let descriptor = timer.number
        watch = try loop.watch(descriptor, for: .readable) { _ in
            var expirations: UInt64 = 0
            // Nothing to read: it was set anew meanwhile.
            if read(descriptor, &expirations, MemoryLayout<UInt64>.size) > 0 { handler() }
        }
    }

    deinit {
        if let watch { loop.remove(watch) }
    }

    /// Fires after `nanoseconds`, then each `interval` (0: once). A first time of 0 means at once.
    public func set(nanoseconds: UInt64, interval: UInt64 = 0) {
        // 0 would stop it; the descriptor is ours and the values are in range, so this cannot fail.
        _ = csys_timer_set(timer.number, max(nanoseconds, 1), interval)
    }

    public func cancel() { _ = csys_timer_set(timer.number, 0, 0) }
}

public enum MonotonicClock {
    /// ns of CLOCK_MONOTONIC. RT safe.
    public static var nanoseconds: UInt64 { csys_monotonic_ns() }
}

/// SIGTERM, SIGINT and SIGHUP as an event.
public final class TerminationSignals {
    private let loop: EventLoop
    private let descriptor: OwnedDescriptor
    private var watch: EventLoop.Watch?

    public init(on loop: EventLoop, handler: @escaping () -> Void) throws(Errno) {
        self.loop = loop
        descriptor = OwnedDescriptor(adopting: try check(csys_termination_signals()))
        let number = descriptor.number
        watch = try loop.watch(number, for: .readable) { _ in
            // Taken out, or it would be told again and again.
            // 128 bytes each, `struct signalfd_siginfo`.
            var information = [UInt8](repeating: 0, count: 128)
            if read(number, &information, information.count) > 0 { handler() }
        }
    }

    deinit {
        if let watch { loop.remove(watch) }
    }
}

public enum Privileges {
    /// Makes the process the user's for good: identity, groups, no capability and no way to get one.
    public static func become(userID: UInt32, groupID: UInt32) throws(Errno) {
        try check(csys_become_user(userID, groupID))
    }
}
