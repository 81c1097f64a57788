internal import CX11
internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// One window that shows one pod's screen. It holds nothing that would be lost with it.
public final class Viewer {
    let options: ViewerOptions
    let source: DisplaySource
    let host: HostDisplay
    let window: ViewerWindow
    let canvas: Canvas
    private let pod: PodAttachment
    let cursor: HostCursor
    let keyboard: Keyboard
    let video: VideoOutput?
    var clipboard: Clipboard?
    private let signals: SignalDescriptor
    private let refresh: UInt32

    private(set) var object: DisplayObject
    private(set) var slot: ViewerSlot
    private let sleep: ViewerSleep
    private var epoch: UInt64
    private var hasNews = true
    private var hasEvents = true
    /// The line under the picture says something other than how things are when they are well.
    private var isTroubled = false
    private var sound: String?
    private var bells: UInt32
    private var warps: UInt32
    var job: SuspendJob?
    var end: ViewerEnd?
    /// Shown until the time has come, or a key is pressed.
    var farewell: (end: ViewerEnd, at: UInt64)?

    /// Why what is shown is not what there is.
    private var problem: String?
    /// Why the last suspend did not succeed; shown until something else is.
    var failure: String?

    /// When it was last asked whether the pod is still there, ns of the monotonic clock.
    private var lastLook: UInt64 = 0
    /// The size that was asked for last, until it was answered.
    private var request: (serial: UInt32, width: Int, height: Int)?
    private var requestWanted = false

    /// Opens the window. Before any other thread of this process starts.
    public init(_ source: DisplaySource, _ options: ViewerOptions) throws {
        self.options = options
        self.source = source
        signals = try attempt("read", "signals") { () throws(Errno) in
            try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        }
        signal(SIGPIPE, SIG_IGN)
        object = try source.open()
        host = try HostDisplay()
        let name = options.name
        refresh = host.refreshMilliHertz
        let first = object.screen()?.screen
        let size = (width: Int(first?.width ?? 1280), height: Int(first?.height ?? 800))
        window = ViewerWindow(host, title: name, size: size, hasBar: options.hasBar)
        pod = PodAttachment(host)
        canvas = Canvas(host, pod, window: window.view, scaling: options.scaling)
        cursor = HostCursor(host, window: window.view)
        keyboard = Keyboard(host)
        video = options.hasVideo ? VideoOutput(host, pod, window: window.view) : nil
        slot = try Self.attachPatiently(object, name: name, host, refresh, isFlat: video == nil)
        sleep = try attempt("watch", "the display of \(name)") { [host, signals] () throws(Errno) in
            try ViewerSleep(host: host.descriptor, signals: signals.descriptor)
        }
        (epoch, bells, warps) = (object.epoch, object.bells, object.warps)
        clipboard = options.hasClipboard ? Clipboard(host, window: window.window) : nil
        if options.isFullScreen { window.beginFullScreen() }
        canvas.resized(width: window.viewSize.width, height: window.viewSize.height)
        requestWanted = options.scaling == .follow
        window.show()
        HostDisplay.lastWord = { [slot] in
            slot.leave()
            let line = Array("podview: the host's X server is gone; \(name) runs on\n".utf8)
            _ = write(2, line, line.count)
        }
    }

    /// The places of viewers that were killed come free when their leases are over.
    private static func attachPatiently(
        _ object: DisplayObject, name: String, _ host: HostDisplay, _ refresh: UInt32, isFlat: Bool
    ) throws(Failure) -> ViewerSlot {
        let deadline = MonotonicClock.nanoseconds + 2 * UInt64(DISPLAY_LEASE_MS) * 1_000_000
        while true {
            do {
                return try attach(object, name: name, host, refresh, isFlat: isFlat)
            } catch {
                guard MonotonicClock.nanoseconds < deadline else { throw error }
                usleep(20_000)
            }
        }
    }

    private static func attach(
        _ object: DisplayObject, name: String, _ host: HostDisplay, _ refresh: UInt32, isFlat: Bool
    ) throws(Failure) -> ViewerSlot {
        let label = "podview \(getpid()) on \(host.name)"
        guard let slot = ViewerSlot(object, label: label, refreshMilliHertz: refresh, isFlat: isFlat) else {
            throw Failure(
                "show", name, "\(DISPLAY_VIEWERS) viewers look at it already",
                remedy: "end one with: podview detach")
        }
        return slot
    }

    /// Shows the pod until the user or the pod ends it.
    public func run() throws -> ViewerEnd {
        defer {
            HostDisplay.lastWord = {}
            slot.leave()
        }
        say()
        while true {
            // A heartbeat alone asks the host's server for nothing.
            if hasEvents || XEventsQueued(host.display, QueuedAlready) > 0 { handleEvents() }
            // Copies that cannot be shown are no better the next time.
            if host.takeLoss(), pod.lose() {
                video?.exposed()
                hasNews = true
            }
            if hasNews, !host.pending.isWaiting { try update() }
            askForScreen()
            slot.flush()
            if let end { return end }
            XFlush(host.display)
            // What Xlib has read ahead is not seen by poll.
            if XEventsQueued(host.display, QueuedAlready) > 0 { continue }
            try wait()
        }
    }

    private func wait() throws {
        let now = MonotonicClock.nanoseconds
        let next = min(slot.nextBeat, farewell?.at ?? .max)
        let left = next > now ? (next - now) / 1_000_000 + 1 : 0
        let milliseconds = slot.hasWaiting ? min(left, 2) : left
        // News that wait for the host's server are not to wake us again and again.
        let woken = sleep(
            for: object, news: !hasNews, job: job?.descriptor ?? -1, milliseconds: Int32(clamping: milliseconds))
        hasEvents = woken.ready.contains(.host)
        hasNews = hasNews || woken.hasNews
        if woken.ready.contains(.signals), signals.next() != nil, job == nil { end = .detached }
        if job != nil { lookAtJob() }
        if MonotonicClock.nanoseconds >= next { try beat() }
    }

    // MARK: From the pod

    private func update() throws {
        hasNews = false
        if object.epoch != epoch {
            epoch = object.epoch
            canvas.forget()
            cursor.forget()
        }
        video?.update(from: object, slot, canvas)
        do {
            if try canvas.update(from: object) {
                video?.placementChanged()
                if !isTroubled { say() }
            }
            problem = nil
        } catch {
            problem = "\(error)"
        }
        video?.show(from: object, slot, canvas)
        cursor.update(from: object)
        clipboard?.update(from: object, slot)
        keyboard.push(to: slot)
        if object.bells != bells {
            bells = object.bells
            XBell(host.display, 0)
        }
        let warped = object.warps
        if warped != warps {
            warps = warped
            warpPointer()
        }
    }

    /// A program in the pod moved the pointer; ours follows when it is the one that counts.
    private func warpPointer() {
        guard keyboard.isFocused, let placement = canvas.placement else { return }
        let at = object.pointer
        guard (0..<placement.width).contains(at.x), (0..<placement.height).contains(at.y) else { return }
        let to = placement.toWindow(x: at.x, y: at.y)
        XWarpPointer(
            host.display, window.view, window.view, 0, 0, UInt32(window.viewSize.width),
            UInt32(window.viewSize.height), Int32(to.x), Int32(to.y))
    }

    // MARK: Signs of life

    private func beat() throws {
        let now = MonotonicClock.nanoseconds
        slot.beat()
        if let farewell {
            if now >= farewell.at { end = farewell.end }
            return
        }
        clipboard?.tick()
        guard job == nil else { return }
        if !slot.isOurs, !object.isGone {
            // We were too busy for our lease: from the beginning. Others may have been faster.
            guard (try? use(object)) != nil else {
                say("all places of viewers of \(options.name) are taken")
                return
            }
        }
        let isAnswering = !slot.isSilent && !object.isGone
        if now - lastLook > (isAnswering ? 900_000_000 : 500_000_000) {
            lastLook = now
            if source.hasEnded() {
                farewell(.podEnded, "\(options.name) was suspended or stopped", seconds: 1)
                return
            }
            if !isAnswering, let other = try? source.open(), other.identity != object.identity { try? use(other) }
        }
        let trouble = isAnswering ? problem ?? failure : "\(options.name) does not answer; waiting for it"
        let sound = options.hasBar ? source.sound() : nil
        if trouble != nil || isTroubled || sound != self.sound {
            self.sound = sound
            say(trouble)
        }
        isTroubled = trouble != nil
    }

    private func use(_ new: DisplayObject) throws {
        let fresh = try Self.attach(new, name: options.name, host, refresh, isFlat: video == nil)
        if new !== object {
            slot.leave()
            object = new
        }
        slot = fresh
        epoch = object.epoch
        hasNews = true
        sleep.forget()
        request = nil
        keyboard.forget()
        canvas.forget()
        cursor.forget()
        clipboard?.forget()
        video?.attached(slot)
        requestWanted = options.scaling == .follow
        let (slot, name) = (self.slot, options.name)
        HostDisplay.lastWord = {
            slot.leave()
            let line = Array("podview: the host's X server is gone; \(name) runs on\n".utf8)
            _ = write(2, line, line.count)
        }
    }

    // MARK: Size

    func viewResized() {
        canvas.resized(width: window.viewSize.width, height: window.viewSize.height)
        video?.placementChanged()
        requestWanted = options.scaling == .follow
        hasNews = true
    }

    private func askForScreen() {
        if let request {
            guard slot.screenAnswer.serial == request.serial else { return }
            self.request = nil
        }
        guard requestWanted, job == nil, farewell == nil, slot.echo != nil else { return }
        requestWanted = false
        let size = window.viewSize
        guard canvas.screenSize.map({ $0 != size }) ?? true else { return }
        let serial = slot.requestScreen(
            width: size.width, height: size.height,
            millimetres: (size.width * 254 / 960 + 1, size.height * 254 / 960 + 1), refreshMilliHertz: refresh)
        request = (serial, size.width, size.height)
    }

    // MARK: Words

    func say(_ text: String? = nil) {
        let buttons: [StatusBar.Button]
        if job != nil || farewell != nil {
            buttons = []
        } else if options.suspend == nil {
            buttons = [.fullScreen, .detach]
        } else {
            buttons = StatusBar.Button.allCases
        }
        let size = canvas.screenSize.map { "\($0.width)x\($0.height)" } ?? ""
        window.bar?.say(text ?? "\(options.name)  \(size)\(sound.map { "  \($0)" } ?? "")", buttons: buttons)
    }

    func farewell(_ end: ViewerEnd, _ text: String, seconds: UInt64) {
        farewell = (end, MonotonicClock.nanoseconds + seconds * 1_000_000_000)
        say(text)
    }
}
