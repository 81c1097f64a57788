internal import CX11
internal import Glibc

/// The host's keyboard as the pod hears it: the host's keycodes and its keymap, and nothing held down that is not.
final class Keyboard {
    private let host: HostDisplay
    private var keymap: [UInt8]?
    private var isPushed = false
    private(set) var isFocused = false
    private let xkbEvent: Int32

    init(_ host: HostDisplay) {
        self.host = host
        var opcode: Int32 = 0
        var event: Int32 = -1
        var error: Int32 = 0
        var major = Int32(XkbMajorVersion)
        var minor = Int32(XkbMinorVersion)
        let known = XkbQueryExtension(host.display, &opcode, &event, &error, &major, &minor) != 0
        xkbEvent = known ? event : -1
        if known {
            let mask = UInt32(XkbNewKeyboardNotifyMask | XkbMapNotifyMask)
            XkbSelectEvents(host.display, UInt32(XkbUseCoreKbd), mask, mask)
        }
        read()
    }

    private func read() {
        var count = 0
        guard let text = cx11_keymap_text(host.display, &count) else { return }
        let new = text.withMemoryRebound(to: UInt8.self, capacity: count) {
            Array(UnsafeBufferPointer(start: $0, count: count))
        }
        free(text)
        guard new != keymap else { return }
        keymap = new
        isPushed = false
    }

    /// A slot that knows nothing yet.
    func forget() { isPushed = false }

    /// Hands the keymap over, when there is another one and the last was looked at.
    func push(to slot: ViewerSlot) {
        guard !isPushed, let keymap else { return }
        isPushed = slot.pushKeymap(keymap)
    }

    /// Whether the event is about the keyboard itself.
    func handle(_ event: inout XEvent, _ slot: ViewerSlot) -> Bool {
        if event.type == MappingNotify {
            XRefreshKeyboardMapping(&event.xmapping)
            guard event.xmapping.request != MappingPointer else { return true }
            read()
            push(to: slot)
            return true
        }
        guard xkbEvent >= 0, event.type == xkbEvent else { return false }
        read()
        push(to: slot)
        return true
    }

    func key(_ event: XKeyEvent, _ slot: ViewerSlot) {
        slot.key(event.keycode, isDown: event.type == KeyPress)
    }

    func gainedFocus(_ slot: ViewerSlot, podLeds: UInt32) {
        isFocused = true
        slot.release()
        // What is locked here is to be locked there.
        var state: UInt32 = 0
        guard XkbGetIndicatorState(host.display, UInt32(XkbUseCoreKbd), &state) == Success else { return }
        for (bit, symbol) in [(UInt32(1), KeySym(XK_Caps_Lock)), (2, KeySym(XK_Num_Lock))]
        where (state ^ podLeds) & bit != 0 {
            let code = UInt32(XKeysymToKeycode(host.display, symbol))
            guard code >= 8 else { continue }
            slot.key(code, isDown: true)
            slot.key(code, isDown: false)
        }
    }

    func lostFocus(_ slot: ViewerSlot) {
        isFocused = false
        slot.release()
    }

    /// Modifiers that were down before the window had the focus. Other keys were pressed for somebody else.
    func held(_ keys: [UInt8], _ slot: ViewerSlot) {
        guard isFocused, let map = XGetModifierMapping(host.display) else { return }
        defer { XFreeModifiermap(map) }
        let perModifier = Int(map.pointee.max_keypermod)
        for n in 0..<8 * perModifier {
            // Caps Lock (1) and whatever is Num Lock are held by nobody for long, and would switch.
            let code = Int(map.pointee.modifiermap[n])
            guard code >= 8, code < 256, n / max(perModifier, 1) != LockMapIndex,
                keys[code / 8] >> (code % 8) & 1 == 1
            else { continue }
            let symbol = XkbKeycodeToKeysym(host.display, KeyCode(code), 0, 0)
            if symbol == KeySym(XK_Num_Lock) || symbol == KeySym(XK_Scroll_Lock) { continue }
            slot.key(UInt32(code), isDown: true)
        }
    }
}
