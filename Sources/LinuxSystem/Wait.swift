internal import CLinux
internal import Glibc
internal import SystemPackage

/// Waiting with a bound.
public enum Wait {
    /// True when the descriptor polls readable (or hung up) within the time; -1 waits for ever.
    public static func readable(_ descriptor: Int32, milliseconds: Int) -> Bool {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(max(milliseconds, 0)) &* 1_000_000
        while true {
            let now = MonotonicClock.nanoseconds
            let left = milliseconds < 0 ? -1 : Int32(clamping: now < deadline ? (deadline - now) / 1_000_000 + 1 : 0)
            let result = csys_wait_readable(descriptor, left)
            if result != -EINTR { return result > 0 }
        }
    }

    /// Which of the descriptors poll readable, once one does or the time is over; in their order.
    public static func first(of descriptors: [Int32], milliseconds: Int) -> [Bool] {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = poll(&entries, nfds_t(entries.count), Int32(clamping: milliseconds))
        return entries.map { $0.revents != 0 }
    }

    /// Asks after a tenth of a millisecond, then ever more seldom, every 10 ms at last, until `condition` holds; false when
    /// it does not within the time.
    public static func until(milliseconds: Int, _ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(milliseconds) &* 1_000_000
        var pause: UInt32 = 100
        while true {
            if try condition() { return true }
            if MonotonicClock.nanoseconds >= deadline { return false }
            usleep(pause)
            pause = min(pause + pause / 2, 10000)
        }
    }

    /// A line that another process writes into `descriptor`, without its newline; `nil` when it closed the descriptor,
    /// or said nothing within the time.
    public static func line(from descriptor: Int32, milliseconds: Int) -> String? {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(milliseconds) &* 1_000_000
        var text: [UInt8] = []
        while text.count < 8192 {
            let now = MonotonicClock.nanoseconds
            guard now < deadline, readable(descriptor, milliseconds: Int((deadline - now) / 1_000_000) + 1) else {
                return nil
            }
            var byte: UInt8 = 0
            let count = read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
            text.append(byte)
        }
        return nil
    }
}
