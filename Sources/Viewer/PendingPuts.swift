internal import LinuxSystem

/// Pictures that the host's server was given and has not yet read: nothing more is given to it meanwhile, so that it, not
/// we, says how fast a pod's pictures are shown.
final class PendingPuts {
    private var count = 0
    private var since: UInt64 = 0

    /// A request that failed is never answered, ns.
    private static let patience: UInt64 = 500_000_000

    var isWaiting: Bool { count > 0 && MonotonicClock.nanoseconds - since < Self.patience }

    func added() {
        if !isWaiting { count = 0 }
        count += 1
        since = MonotonicClock.nanoseconds
    }

    func forget() { count = 0 }

    func completed() { count = max(count - 1, 0) }
}
