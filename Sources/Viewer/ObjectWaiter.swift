internal import CLinux
internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Turns the futex that the driver counts up into a descriptor that is polled. A futex can be waited for by a thread only;
/// this one does nothing else.
final class ObjectWaiter {
    private let shared: Shared
    private let thread = DoneSignal()

    /// Readable when something was published. Not again before `look`.
    var descriptor: Int32 { shared.news.number }

    init(_ object: DisplayObject) throws(Errno) {
        shared = try Shared(object)
        // Signals are for the main thread.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        sigdelset(&all, SIGBUS)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        thread.run { [shared] in shared.wait() }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }

    deinit {
        shared.stop()
        thread.wait()
    }

    /// What was published is being looked at now; what comes later is told anew.
    func look() { shared.look() }
}

/// What both threads have.
private final class Shared: @unchecked Sendable {
    // Unchecked, and safe: descriptors and the object do not change, and the only word that does is atomic.
    let news: OwnedDescriptor
    private let looked: OwnedDescriptor
    private let object: DisplayObject
    private let isStopping = Atomic<Bool>(false)

    /// How long at most a wake-up may be lost, ms.
    private static let patience: Int32 = 1000

    init(_ object: DisplayObject) throws(Errno) {
        self.object = object
        news = OwnedDescriptor(adopting: try check(csys_event_counter(1)))
        looked = OwnedDescriptor(adopting: try check(csys_event_counter(0)))
    }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        Self.count(looked.number)
        // It may wait for ever at a pod that says nothing more. Nobody is disturbed: whoever wakes finds nothing new.
        display_ring(display_published(object.words))
    }

    func look() {
        var count: UInt64 = 0
        guard read(news.number, &count, 8) == 8 else { return }
        Self.count(looked.number)
    }

    func wait() {
        guard let word = display_published(object.words) else { return }
        var seen = display_load(word)
        Self.count(news.number)
        while !isStopping.load(ordering: .acquiring) {
            // A pod that publishes without end is heard once in a round of ours.
            var count: UInt64 = 0
            guard read(looked.number, &count, 8) == 8 else { continue }
            while display_load(word) == seen, !isStopping.load(ordering: .acquiring) {
                if display_wait(word, seen, Self.patience) == 0 { continue }
                // No futex here any more: the object was cut. Looked at in the rhythm of the heartbeat.
                if object.memory.wasCut { usleep(200_000) }
            }
            seen = display_load(word)
            Self.count(news.number)
        }
    }

    private static func count(_ descriptor: Int32) {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}
