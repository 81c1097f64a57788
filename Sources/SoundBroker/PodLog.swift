internal import LinuxSystem
internal import Logging

/// What the pod makes the broker say, at a pace that fills no disk: a pod could break the rules a hundred thousand times
/// a second, and the log lies in the host's memory.
final class PodLog {
    /// Lines at once, and how long until there may be one more, ns.
    private static let burst = 100
    private static let interval: UInt64 = 500_000_000

    private let log: Logger
    private var allowed = PodLog.burst
    private var since = MonotonicClock.nanoseconds
    private var leftOut = 0

    init(_ log: Logger) { self.log = log }

    func info(_ text: @autoclosure () -> String) { say(.info, text) }
    func warning(_ text: @autoclosure () -> String) { say(.warning, text) }
    func error(_ text: @autoclosure () -> String) { say(.error, text) }

    private func say(_ level: Logger.Level, _ text: () -> String) {
        let earned = (MonotonicClock.nanoseconds - since) / Self.interval
        since += earned * Self.interval
        allowed = min(Self.burst, allowed + Int(clamping: earned))
        guard allowed > 0 else {
            leftOut += 1
            return
        }
        allowed -= 1
        if leftOut > 0 { log.warning("\(leftOut) lines about the pod were left out here") }
        leftOut = 0
        let line = text()
        log.log(level: level, "\(line)")
    }
}
