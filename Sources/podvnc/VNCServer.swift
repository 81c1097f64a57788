internal import CVNC
internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import SystemPackage
internal import Viewer

/// Shows a pod's screen by RFB. The protocol is libvncserver's; this carries pixels there and keys back.
final class VNCServer {
    private let source: DisplaySource
    private let name: String
    private var object: DisplayObject
    private var slot: ViewerSlot
    private let signals: SignalDescriptor
    private var vnc: OpaquePointer?
    private var keys = KeysymMap()
    private var screen = display_screen()
    private var pixels: UnsafeMutablePointer<UInt32>
    private var position = UInt64.max
    private var boxes = [display_box](repeating: 0, count: Int(DISPLAY_DAMAGE_BOXES))
    private var cursor: (serial: UInt32, isVisible: Bool)?
    private var buttons: UInt32 = 0
    private var clients = 0
    /// When it was last asked whether the pod is still there, ns of the monotonic clock.
    private var lastLook: UInt64 = 0

    /// Bytes of a screen that is shown.
    private static let limit: UInt64 = 256 << 20
    /// How often the pod is looked at while somebody looks on, and while nobody does, µs.
    private static let busy = 8000
    private static let idle = 150_000

    init(_ source: DisplaySource, name: String, port: Int, password: String) throws {
        (self.source, self.name) = (source, name)
        signals = try attempt("read", "signals") { () throws(Errno) in
            try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        }
        object = try source.open()
        slot = try Self.attach(object, name)
        pixels = .allocate(capacity: 64 * 64)
        pixels.initialize(repeating: 0, count: 64 * 64)
        var events = cvnc_events()
        events.context = Unmanaged.passUnretained(self).toOpaque()
        events.key = { context, keysym, isDown in VNCServer.of(context)?.key(keysym, isDown: isDown != 0) }
        events.pointer = { context, x, y, buttons in VNCServer.of(context)?.pointer(Int(x), Int(y), buttons) }
        events.clients = { context, count in VNCServer.of(context)?.clientsChanged(Int(count)) }
        vnc = cvnc_open("\(name) - MediaPod", Int32(port), password, pixels, 64, 64, &events)
        guard vnc != nil else {
            throw Failure("listen on", "127.0.0.1:\(port)", "the port cannot be had", remedy: "choose another")
        }
    }

    deinit {
        if let vnc { cvnc_close(vnc) }
        pixels.deallocate()
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> VNCServer? {
        context.map { Unmanaged<VNCServer>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func attach(_ object: DisplayObject, _ name: String) throws(Failure) -> ViewerSlot {
        // Flat: RFB has no video.
        guard let slot = ViewerSlot(object, label: "podvnc \(getpid())", refreshMilliHertz: 0, isFlat: true) else {
            throw Failure("show", name, "\(DISPLAY_VIEWERS) viewers look at it already")
        }
        return slot
    }

    /// Serves until a signal comes, or the pod is gone.
    func run() throws {
        defer { slot.leave() }
        while signals.next() == nil {
            if keys.isPending { keys.isPending = !slot.pushKeymap(keys.text) }
            // Keys mean what the keymap before them says.
            if !keys.isPending { slot.flush() }
            update()
            cvnc_run(vnc, clients > 0 ? Self.busy : Self.idle)
            let now = MonotonicClock.nanoseconds
            // By the time that the loop comes round again, it may be due.
            if now + UInt64(Self.idle) * 1000 / 2 >= slot.nextBeat { slot.beat() }
            guard now - lastLook > 500_000_000 else { continue }
            lastLook = now
            if source.hasEnded() { throw Failure("pod \(name)", "was suspended or stopped") }
            if !slot.isOurs || object.isGone || slot.isSilent { try lookAnew() }
        }
    }

    /// Another server in the pod, or none any more.
    private func lookAnew() throws {
        let found = object.isGone || slot.isOurs ? (try? source.open()) : object
        guard let found, found.identity != object.identity || !slot.isOurs else { return }
        if let fresh = try? Self.attach(found, name) {
            slot.leave()
            (object, slot, position, cursor) = (found, fresh, .max, nil)
            keys.isPending = true
        }
    }

    private func update() {
        guard let (now, sequence) = object.screen(), now.bytes <= Self.limit else { return }
        let count = object.damage(since: &position, into: &boxes)
        let (width, height) = (Int(now.width), Int(now.height))
        if now.width != screen.width || now.height != screen.height {
            let fresh = UnsafeMutablePointer<UInt32>.allocate(capacity: width * height)
            fresh.initialize(repeating: 0, count: width * height)
            cvnc_resize(vnc, fresh, Int32(width), Int32(height))
            pixels.deallocate()
            pixels = fresh
        }
        let isNew = now.serial != screen.serial || now.width != screen.width || now.height != screen.height
        screen = now
        if isNew || count == nil {
            copy(display_rectangle(x1: 0, y1: 0, x2: Int32(width), y2: Int32(height)))
        } else {
            for box in boxes[..<(count ?? 0)] { copy(display_box_on(box, now.width, now.height)) }
        }
        if object.screen()?.sequence != sequence { position = .max }
        showCursor()
    }

    private func copy(_ box: display_rectangle) {
        let (x, width) = (Int(box.x1), Int(box.x2 - box.x1))
        guard width > 0 else { return }
        let from = object.memory.start.advanced(by: Int(screen.offset))
        for y in Int(box.y1)..<Int(box.y2) {
            memcpy(pixels + y * Int(screen.width) + x, from + y * Int(screen.stride) + x * 4, width * 4)
        }
        cvnc_changed(vnc, box.x1, box.y1, box.x2, box.y2)
    }

    private func showCursor() {
        guard let now = object.cursorSerial(), cursor == nil || now != (cursor ?? now),
            let (shape, pixels) = object.cursor()
        else { return }
        cursor = now
        let isVisible = shape.visible != 0 && shape.width > 0 && shape.height > 0
        if isVisible {
            cvnc_cursor(
                vnc, pixels, Int32(shape.width), Int32(shape.height), Int32(min(shape.hot_x, shape.width - 1)),
                Int32(min(shape.hot_y, shape.height - 1)))
        } else {
            cvnc_cursor(vnc, nil, 1, 1, 0, 0)
        }
    }

    // MARK: From clients

    private func key(_ keysym: UInt32, isDown: Bool) {
        guard let code = keys.code(for: keysym) else { return }
        slot.key(code, isDown: isDown)
    }

    private func pointer(_ x: Int, _ y: Int, _ now: UInt32) {
        slot.motion(x: x, y: y)
        for n in UInt32(0)..<8 where (now ^ buttons) >> n & 1 == 1 { slot.button(n + 1, isDown: now >> n & 1 == 1) }
        buttons = now
    }

    private func clientsChanged(_ count: Int) {
        clients = count
        // A client that went away holds nothing down.
        if count == 0 {
            slot.release()
            buttons = 0
        }
    }
}
