internal import CALSA
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Wakes when a PCM has room, or frames, or at a time, or when it breaks.
final class AlsaWaker {
    enum Reason {
        case ready
        case timeOver
        /// The device says that there is something wrong.
        case broken
    }

    /// Whether the device can be waited for. Plugins without a device have descriptors that are always ready, such as
    /// /dev/null, and cannot be.
    private(set) var isPollable = true
    private let loop: EventLoop
    private let pcm: AlsaPCM
    private let handler: (Reason) -> Void
    private var timer: LoopTimer?
    private var descriptors: [pollfd]
    private var watches: [(watch: EventLoop.Watch, interest: EventLoop.Readiness)] = []
    private var isWaiting = false

    /// Begins to look out for trouble only.
    init(_ pcm: AlsaPCM, on loop: EventLoop, handler: @escaping (Reason) -> Void) throws(SinkFailure) {
        self.pcm = pcm
        self.loop = loop
        self.handler = handler
        do {
            descriptors = try pcm.descriptors()
        } catch {
            throw SinkFailure(reason: "cannot wait for the ALSA PCM \(pcm.name): \(error.reason)")
        }
        do {
            timer = try LoopTimer(on: loop) { [weak self] in self?.handler(.timeOver) }
            for descriptor in descriptors { try watch(descriptor) }
        } catch {
            close()
            throw SinkFailure(reason: "cannot wait for the ALSA PCM \(pcm.name): \(error)")
        }
    }

    private func watch(_ descriptor: pollfd) throws(Errno) {
        let events = Int32(descriptor.events)
        var interest: EventLoop.Readiness = []
        if events & POLLIN != 0 { interest.insert(.readable) }
        if events & POLLOUT != 0 { interest.insert(.writable) }
        do {
            let watch = try loop.watch(descriptor.fd, for: []) { [weak self] _ in self?.look() }
            watches.append((watch, interest))
        } catch Errno.notPermitted {
            isPollable = false
        }
    }

    /// Wakes when the PCM's avail_min is there.
    func waitForDevice() {
        setWaiting(true)
        timer?.cancel()
    }

    /// Wakes after `nanoseconds`.
    func wait(nanoseconds: UInt64) {
        setWaiting(false)
        timer?.set(nanoseconds: nanoseconds)
    }

    /// Wakes only if the device breaks.
    func rest() {
        setWaiting(false)
        timer?.cancel()
    }

    /// Before the PCM is closed.
    func close() {
        timer = nil
        for (watch, _) in watches { loop.remove(watch) }
        watches = []
    }

    private func setWaiting(_ waiting: Bool) {
        guard waiting != isWaiting else { return }
        isWaiting = waiting
        for (watch, interest) in watches {
            // It is one of ours, and was watched before, so this cannot fail.
            try? loop.change(watch, to: waiting ? interest : [])
        }
    }

    private func look() {
        let events = pcm.events(of: &descriptors)
        if events & (POLLERR | POLLHUP | POLLNVAL) != 0 {
            handler(.broken)
        } else if isWaiting, events & (POLLIN | POLLOUT) != 0 {
            handler(.ready)
        }
    }
}
