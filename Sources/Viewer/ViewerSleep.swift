internal import CLinux
internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Where a viewer sleeps until the pod publishes something or a descriptor is ready. What a pod publishes comes up to a
/// hundred times a second and shall cost one wake-up: the viewer's own thread waits for the futex that the driver counts
/// up. A futex cannot be polled with descriptors; those are another thread's, which wakes the first when one is ready.
final class ViewerSleep {
    /// Whose descriptor is ready.
    struct Ready: OptionSet {
        var rawValue: Int
        static let host = Ready(rawValue: 1)
        static let signals = Ready(rawValue: 2)
        static let job = Ready(rawValue: 4)
    }

    private let shared: Shared
    private let thread = DoneSignal()
    /// Where it sleeps when the pod is not to wake it: nobody counts this up.
    private let ownWord = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    /// What `published` was when it was last looked at.
    private var seen: UInt32?
    /// Whether the thread waits until what it found ready has been dealt with.
    private var isOwed = false

    /// Before any other thread starts; the descriptors stay open as long as this is there.
    init(host: Int32, signals: Int32) throws(Errno) {
        ownWord.initialize(to: 0)
        shared = try Shared(host: host, signals: signals)
        // Signals are for the main thread.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        sigdelset(&all, SIGBUS)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let isStarted = thread.start { [shared] in shared.watch() }
        pthread_sigmask(SIG_SETMASK, &before, nil)
        if !isStarted { throw .resourceTemporarilyUnavailable }
    }

    deinit {
        shared.stop()
        thread.wait()
        ownWord.deallocate()
    }

    /// Another object: whatever it has published is news.
    func forget() { seen = nil }

    /// Sleeps until there is something to do, for at most so long.
    ///
    /// - Parameters:
    ///   - news: whether what the object publishes wakes.
    ///   - job: another descriptor to be watched; -1 for none.
    /// - Returns: which descriptors are ready, and whether something was published that was not looked at before.
    func callAsFunction(
        for object: DisplayObject, news: Bool, job: Int32, milliseconds: Int32
    ) -> (ready: Ready, hasNews: Bool) {
        shared.use(job: job)
        if isOwed {
            isOwed = false
            shared.again()
        }
        if news, let published = display_published(object.words) {
            shared.sleep(at: published, seen: seen ?? display_load(published) &- 1, milliseconds)
        } else {
            shared.sleep(at: ownWord, seen: 0, milliseconds)
        }
        let ready = Ready(rawValue: shared.take())
        isOwed = !ready.isEmpty
        guard news else { return (ready, false) }
        let now = object.published
        defer { seen = now }
        return (ready, now != seen)
    }
}

/// What both threads have.
private final class Shared: Sendable {
    private let host: Int32
    private let signals: Int32
    private let job = Atomic<Int32>(-1)
    /// Has the thread look at `job` and `isStopping` again.
    private let changed: SharedDescriptor
    private let isStopping = Atomic(false)

    /// What the thread found ready, until it is taken.
    private let ready = Atomic<Int>(0)
    /// Where the sleeper sleeps, or is about to; 0 while it is awake.
    private let bed = Atomic<UInt>(0)
    private let dealtWith = Semaphore()

    init(host: Int32, signals: Int32) throws(Errno) {
        (self.host, self.signals) = (host, signals)
        changed = SharedDescriptor(OwnedDescriptor(adopting: try check(csys_event_counter(1))))
    }

    // MARK: The sleeper's

    func use(job descriptor: Int32) {
        if job.exchange(descriptor, ordering: .acquiringAndReleasing) != descriptor { change() }
    }

    func again() { dealtWith.post() }

    func sleep(at word: UnsafeMutablePointer<UInt32>, seen: UInt32, _ milliseconds: Int32) {
        bed.store(UInt(bitPattern: word), ordering: .sequentiallyConsistent)
        if ready.load(ordering: .sequentiallyConsistent) == 0 { display_wait(word, seen, milliseconds) }
        bed.store(0, ordering: .sequentiallyConsistent)
    }

    func take() -> Int { ready.exchange(0, ordering: .acquiringAndReleasing) }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        change()
        again()
    }

    private func change() {
        var one: UInt64 = 1
        _ = write(changed.descriptor.number, &one, 8)
    }

    // MARK: The thread's

    func watch() {
        while !isStopping.load(ordering: .acquiring) {
            var entries = [host, signals, job.load(ordering: .acquiring), changed.descriptor.number].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&entries, nfds_t(entries.count), -1) > 0 else { continue }
            if entries[3].revents != 0 {
                var count: UInt64 = 0
                _ = read(changed.descriptor.number, &count, 8)
                continue
            }
            var found = 0
            for (n, entry) in entries.enumerated() where entry.revents != 0 { found |= 1 << n }
            ready.store(found, ordering: .sequentiallyConsistent)
            wakeUntilDealtWith()
        }
    }

    /// The sleeper may have been about to fall asleep when it was woken: it is woken until it is awake.
    private func wakeUntilDealtWith() {
        while true {
            let word = bed.load(ordering: .sequentiallyConsistent)
            guard word != 0, ready.load(ordering: .sequentiallyConsistent) != 0 else { return dealtWith.wait() }
            display_wake(UnsafeMutablePointer(bitPattern: word))
            if dealtWith.wait(milliseconds: 1) { return }
        }
    }
}
