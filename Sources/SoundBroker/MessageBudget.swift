internal import LinuxSystem

/// How often a program may make the broker open or close a stream of the sink's: each time costs the sound server, which
/// is the host's, more than it costs the program to ask.
struct MessageBudget {
    /// At once, and how long until there may be one more, ns: beyond what any player does, a hundred a second.
    private static let burst = 64
    private static let interval: UInt64 = 10_000_000

    private var left = MessageBudget.burst
    private var since = MonotonicClock.nanoseconds

    /// Whether there is something left.
    mutating func allows() -> Bool {
        let earned = (MonotonicClock.nanoseconds - since) / Self.interval
        since += earned * Self.interval
        left = min(Self.burst, left + Int(clamping: earned))
        return left > 0
    }

    mutating func spend(on message: PluginMessage) {
        switch message {
        case .configure, .channelMap, .rewind, .trigger: left -= 1
        // A kick gives the sink what it asked for, and volumes are gathered.
        case .hello, .softwareParameters, .mixer, .kick, .close: break
        }
    }
}
