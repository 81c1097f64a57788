internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What a viewer says to the pod's X server: one of the object's slots, as long as its lease is kept.
package final class ViewerSlot {
    private let object: DisplayObject
    private let number: UInt32
    /// Our number in the slot.
    let owner: UInt32
    private let viewer: OpaquePointer
    /// Events for which the ring had no room yet.
    private var waiting: [display_event] = []
    private var lastSerial: UInt32 = 0
    /// Keys, and from 1 << 16 on buttons, that the driver was told are down.
    private var held: Set<UInt32> = []
    private var isFlat: Bool
    /// A driver of today's lets a viewer that has nothing to say beat rarely.
    private let mayRest: Bool
    private var isResting = false

    // ns of the monotonic clock.
    /// When the next heartbeat is due.
    package private(set) var nextBeat: UInt64 = 0
    private var lastEvent = MonotonicClock.nanoseconds
    private var lastEcho: (heartbeat: UInt32?, at: UInt64) = (nil, MonotonicClock.nanoseconds)

    /// How long it has nothing to say before it rests, ns.
    private static let beforeRest: UInt64 = 3_000_000_000
    /// How long a driver that is busy may not look at a heartbeat, and one that looks rarely, ns.
    private static let silence: UInt64 = 2_000_000_000
    private static let restSilence = UInt64(DISPLAY_REST_LEASE_MS + DISPLAY_REST_HEARTBEAT_MS) * 1_000_000

    /// More than a person can type while a busy server does not look.
    private static let patience = 4096

    /// Takes a free slot; `nil` when all are taken.
    package init?(_ object: DisplayObject, label: String, refreshMilliHertz: UInt32, isFlat: Bool) {
        let owner = UInt32.random(in: 1...UInt32.max)
        guard
            let number = (0..<DISPLAY_VIEWERS).first(where: {
                display_viewer_claim(display_viewer_at(object.words, $0), owner) != 0
            }), let viewer = display_viewer_at(object.words, number)
        else { return nil }
        self.object = object
        self.number = number
        self.owner = owner
        self.viewer = viewer
        self.isFlat = isFlat
        mayRest = display_features(object.words) & UInt64(DISPLAY_FEATURE_REST.rawValue) != 0
        display_store(display_viewer_refresh(viewer), refreshMilliHertz)
        storeFlags()
        for port in 0..<DISPLAY_VIDEO_PORTS { display_store(display_viewer_hold(viewer, port), 0) }
        if let text = display_viewer_label(viewer) {
            var bytes = Array(label.utf8.prefix(63))
            bytes += [UInt8](repeating: 0, count: 64 - bytes.count)
            memcpy(text, bytes, 64)
        }
        send(DISPLAY_EVENT_RELEASE)
        beat()
        ring()
    }

    /// Gives it back. What is held down is let go by the driver.
    package func leave() {
        _ = display_viewer_release(viewer, owner)
        ring()
    }

    /// Whether the lease was kept.
    package var isOurs: Bool { display_load(display_viewer_owner(viewer)) == owner }

    /// The last sign of life from the driver, as our own heartbeat that it saw; `nil` before it saw us.
    package var echo: UInt32? {
        guard let echo = display_echo_at(object.words, number)?.pointee, echo.owner == owner else { return nil }
        return echo.heartbeat
    }

    var heartbeat: UInt32 { display_load(display_viewer_heartbeat(viewer)) }

    /// Whether the driver has not looked at us for longer than it should take.
    package var isSilent: Bool {
        MonotonicClock.nanoseconds - lastEcho.at > (isResting ? Self.restSilence : Self.silence)
    }

    /// Says that we are there, and that we rest when there has been nothing to say for long.
    package func beat() {
        let now = MonotonicClock.nanoseconds
        if let echo, echo != lastEcho.heartbeat { lastEcho = (echo, now) }
        if !isResting, mayRest, held.isEmpty, waiting.isEmpty, now - lastEvent > Self.beforeRest { isResting = true }
        nextBeat = now + UInt64(isResting ? DISPLAY_REST_HEARTBEAT_MS : DISPLAY_HEARTBEAT_MS) * 1_000_000
        guard isOurs else { return }
        display_store(display_viewer_heartbeat(viewer), heartbeat &+ 1)
        storeFlags()
    }

    /// Before an event, which may be a key that is to be let go when we die.
    private func wake() {
        lastEvent = MonotonicClock.nanoseconds
        guard isResting else { return }
        isResting = false
        lastEcho.at = lastEvent
        beat()
    }

    private func storeFlags() {
        let flags = (isFlat ? DISPLAY_VIEWER_FLAT.rawValue : 0) | (isResting ? DISPLAY_VIEWER_RESTS.rawValue : 0)
        display_store(display_viewer_flags(viewer), flags)
    }

    package func ring() { display_ring(display_doorbell(object.words)) }

    /// Says which of a video port's buffers are still needed: bits.
    func hold(_ buffers: UInt32, of port: UInt32) {
        if isOurs { display_store(display_viewer_hold(viewer, port), buffers) }
    }

    func setFlat(_ isFlat: Bool) {
        self.isFlat = isFlat
        guard isOurs else { return }
        storeFlags()
        ring()
    }

    // MARK: Input

    package func key(_ code: UInt32, isDown: Bool) {
        hold(code, isDown)
        send(DISPLAY_EVENT_KEY, code: code, value: isDown ? 1 : 0)
    }

    package func button(_ code: UInt32, isDown: Bool) {
        hold(code | 1 << 16, isDown)
        send(DISPLAY_EVENT_BUTTON, code: code, value: isDown ? 1 : 0)
    }

    package func motion(x: Int, y: Int) { send(DISPLAY_EVENT_MOTION, x: x, y: y) }

    /// Everything that we hold down is let go.
    package func release() {
        held = []
        send(DISPLAY_EVENT_RELEASE)
    }

    private func hold(_ what: UInt32, _ isDown: Bool) {
        if isDown { held.insert(what) } else { held.remove(what) }
    }

    private func send(_ type: display_event_type, code: UInt32 = 0, value: UInt16 = 0, x: Int = 0, y: Int = 0) {
        let event = display_event(
            type: UInt16(truncatingIfNeeded: type.rawValue), code: UInt16(truncatingIfNeeded: code), value: value,
            reserved: 0, x: Int32(clamping: x), y: Int32(clamping: y))
        // Of two motions in a row only the last one matters.
        if type == DISPLAY_EVENT_MOTION, waiting.last?.type == event.type { waiting.removeLast() }
        if waiting.count >= Self.patience {
            // Nobody knows any more what it would add up to.
            waiting.removeAll()
            return release()
        }
        wake()
        waiting.append(event)
    }

    /// Whether events wait for room.
    package var hasWaiting: Bool { !waiting.isEmpty }

    /// Hands over what there is room for, and rings once.
    package func flush() {
        guard !waiting.isEmpty else { return }
        guard isOurs else { return waiting.removeAll() }
        var taken = 0
        for var event in waiting {
            guard display_input_append(viewer, display_echo_at(object.words, number), &event) != 0 else { break }
            taken += 1
        }
        guard taken > 0 else { return }
        waiting.removeFirst(taken)
        ring()
    }

    // MARK: Requests

    /// Asks for a screen of one output of this size, pixels; returns the request's serial.
    func requestScreen(width: Int, height: Int, millimetres: (Int, Int), refreshMilliHertz: UInt32) -> UInt32 {
        lastSerial &+= 1
        guard isOurs else { return lastSerial }
        var layout = display_layout()
        (layout.owner, layout.serial, layout.output_count) = (owner, lastSerial, 1)
        var output = display_output()
        output.width = UInt32(clamping: min(max(width, 1), Int(DISPLAY_MAX_EXTENT)))
        output.height = UInt32(clamping: min(max(height, 1), Int(DISPLAY_MAX_EXTENT)))
        (output.mm_width, output.mm_height) = (UInt32(clamping: millimetres.0), UInt32(clamping: millimetres.1))
        (output.refresh_mhz, output.flags) = (refreshMilliHertz, DISPLAY_OUTPUT_PRIMARY)
        layout.outputs.0 = output
        display_write_layout(viewer, &layout)
        ring()
        return lastSerial
    }

    /// The last request for a screen that was answered, and what with.
    var screenAnswer: (serial: UInt32, error: Errno?) {
        guard let echo = display_echo_at(object.words, number)?.pointee, echo.owner == owner else { return (0, nil) }
        return (echo.layout, echo.layout_error == 0 ? nil : Errno(rawValue: echo.layout_error))
    }

    private var keymapSerial: UInt32 = 0

    /// What keys mean from now on, as `xkbcomp :0 -` prints it. False when it is too long, or the last was not looked at.
    package func pushKeymap(_ text: [UInt8]) -> Bool {
        guard isOurs, !text.isEmpty, text.count <= Int(DISPLAY_MAX_KEYMAP) else { return false }
        guard let echo = display_echo_at(object.words, number)?.pointee else { return false }
        guard keymapSerial == 0 || echo.owner == owner && echo.keymap == keymapSerial else { return false }
        let offset = off_t(display_keymap_offset(number))
        let written = text.withUnsafeBytes { pwrite(object.file.number, $0.baseAddress, $0.count, offset) }
        guard written == text.count else { return false }
        keymapSerial &+= 1
        display_viewer_push_keymap(viewer, owner, keymapSerial, UInt32(text.count))
        ring()
        return true
    }

    // MARK: The clipboard

    func say(_ clipboard: display_clipboard) {
        guard isOurs else { return }
        var clipboard = clipboard
        clipboard.owner = owner
        display_write_clipboard(viewer, &clipboard)
        display_ring(display_clipboard_doorbell(object.words))
    }

    /// Puts data where the pod looks for it; false when the pod's memory has no room.
    func putClipboard(_ bytes: [UInt8]) -> Bool {
        guard isOurs, bytes.count <= Int(DISPLAY_MAX_CLIPBOARD) else { return false }
        let offset = off_t(display_viewer_clipboard_offset(number))
        return bytes.withUnsafeBytes { pwrite(object.file.number, $0.baseAddress, $0.count, offset) } == bytes.count
    }

    var slotNumber: UInt32 { number }
}
