internal import LinuxSystem

/// Pictures that the host's server was given and has not yet read: nothing more is given to it meanwhile, so that it, not
/// we, says how fast a pod's pictures are shown.
///
/// Its word costs either side a wake-up. One that has just read a picture at once is asked again only after a while.
final class PendingPuts {
    private var count = 0
    private var since: UInt64 = 0
    /// Whether the last picture that was asked about was read at once, and how many were given since.
    private var isPrompt = false
    private var unasked = 0

    /// A request that failed is never answered, ns.
    private static let patience: UInt64 = 500_000_000
    /// What is at once, ns: a tenth of a frame's time at 25 a second.
    private static let prompt: UInt64 = 4_000_000
    /// So many pictures are given to one that was prompt before it is asked again.
    private static let trust = 8

    var isWaiting: Bool { count > 0 && MonotonicClock.nanoseconds - since < Self.patience }

    /// Whether the server is to tell when it has read the next.
    var wantsWord: Bool { !isPrompt || unasked >= Self.trust }

    /// One was given.
    ///
    /// - Parameter tells: whether it will be told when it has been read.
    func added(tells: Bool) {
        guard tells else {
            unasked += 1
            return
        }
        if !isWaiting { count = 0 }
        count += 1
        unasked = 0
        since = MonotonicClock.nanoseconds
    }

    func forget() {
        count = 0
        isPrompt = false
    }

    func completed() {
        count = max(count - 1, 0)
        isPrompt = MonotonicClock.nanoseconds - since < Self.prompt
    }
}
