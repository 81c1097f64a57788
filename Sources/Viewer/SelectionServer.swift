internal import CX11
internal import DisplayABI
internal import Glibc
internal import LinuxSystem

/// Owns the host's selections in the pod's stead, and gets the data out of the pod when somebody pastes.
final class SelectionServer {
    private struct Offer {
        var serial: UInt32 = 0
        var formats: UInt32 = 0
    }

    private struct Paste {
        var event: XSelectionRequestEvent
        var format: UInt32
        var selection: Int
    }

    /// A large one on its way to a program, piece by piece.
    private struct Transfer {
        var requestor: Window
        var property: Atom
        var type: Atom
        var bytes: [UInt8]
        var position = 0
        var deadline: UInt64
    }

    private let host: HostDisplay
    private let window: Window
    private let atoms: ClipboardAtoms
    private var offers = [Offer(), Offer()]
    private var pastes: [Paste] = []
    private var wish: UInt32 = 0
    private var deadline: UInt64 = 0
    private var transfers: [Transfer] = []
    /// A target that only viewers of the same pod have.
    var marker: Atom = 0

    /// How long the pod may take, ns.
    private static let patience: UInt64 = 2_000_000_000

    init(_ host: HostDisplay, window: Window, _ atoms: ClipboardAtoms) {
        (self.host, self.window, self.atoms) = (host, window, atoms)
    }

    func forget() {
        for n in 0..<2 { offer(n, serial: 0, formats: 0) }
    }

    /// The pod has something else.
    func offer(_ n: Int, serial: UInt32, formats: UInt32) {
        let known = formats & (DISPLAY_FORMAT_TEXT.rawValue | DISPLAY_FORMAT_PNG.rawValue)
        let wasOurs = offers[n].formats != 0
        offers[n] = Offer(serial: serial, formats: known)
        if known != 0 {
            XSetSelectionOwner(host.display, atoms.selections[n], window, Time(CurrentTime))
        } else if wasOurs, XGetSelectionOwner(host.display, atoms.selections[n]) == window {
            XSetSelectionOwner(host.display, atoms.selections[n], 0, Time(CurrentTime))
        }
    }

    /// Somebody on the host has copied something.
    func lost(_ selection: Atom) {
        if let n = atoms.selections.firstIndex(of: selection) { offers[n].formats = 0 }
    }

    /// Somebody pastes; what is to be wished for from the pod, if it is not being already.
    func requested(_ event: XSelectionRequestEvent) -> display_wish? {
        guard let n = atoms.selections.firstIndex(of: event.selection), offers[n].formats != 0 else {
            notify(event, property: 0)
            return nil
        }
        let property = event.property == 0 ? event.target : event.property
        if event.target == atoms.targets {
            var targets = [atoms.targets, marker]
            if offers[n].formats & DISPLAY_FORMAT_TEXT.rawValue != 0 {
                targets += [atoms.utf8, atoms.plain, XA_STRING]
            }
            if offers[n].formats & DISPLAY_FORMAT_PNG.rawValue != 0 { targets.append(atoms.png) }
            targets.withUnsafeBytes { bytes in
                _ = XChangeProperty(
                    host.display, event.requestor, property, XA_ATOM, 32, PropModeReplace,
                    bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(targets.count))
            }
            notify(event, property: property)
            return nil
        }
        let format: UInt32
        switch event.target {
        case atoms.utf8, atoms.plain, XA_STRING: format = DISPLAY_FORMAT_TEXT.rawValue
        case atoms.png: format = DISPLAY_FORMAT_PNG.rawValue
        default: format = 0
        }
        guard offers[n].formats & format != 0, pastes.count < 8 else {
            notify(event, property: 0)
            return nil
        }
        var paste = Paste(event: event, format: format, selection: n)
        paste.event.property = property
        pastes.append(paste)
        return pastes.count == 1 ? nextWish() : nil
    }

    /// What is to be asked for now.
    func nextWish() -> display_wish? {
        guard let paste = pastes.first else { return nil }
        deadline = MonotonicClock.nanoseconds + Self.patience
        var wish = display_wish()
        wish.selection = UInt32(paste.selection)
        wish.serial = offers[paste.selection].serial
        wish.format = paste.format
        return wish
    }

    func wished(_ number: UInt32) { wish = number }

    /// The pod has answered, perhaps us: true when it has, and the wish can be withdrawn.
    func answered(_ answer: display_answer, from object: DisplayObject, _ slot: ViewerSlot) -> Bool {
        guard wish != 0, let paste = pastes.first, answer.number == wish, answer.viewer == slot.slotNumber,
            answer.owner == slot.owner
        else { return false }
        wish = 0
        pastes.removeFirst()
        guard answer.status == DISPLAY_ANSWER_DATA.rawValue, let bytes = object.podClipboardData(answer.bytes) else {
            notify(paste.event, property: 0)
            return true
        }
        deliver(bytes, to: paste)
        return true
    }

    private func deliver(_ bytes: [UInt8], to paste: Paste) {
        let event = paste.event
        let type = event.target
        let most = cx11_max_request(host.display) - 1024
        if bytes.count <= min(most, 1 << 18) {
            XChangeProperty(
                host.display, event.requestor, event.property, type, 8, PropModeReplace, bytes, Int32(bytes.count))
            notify(event, property: event.property)
            return
        }
        XSelectInput(host.display, event.requestor, PropertyChangeMask)
        var size = UInt(bytes.count)
        withUnsafeBytes(of: &size) {
            _ = XChangeProperty(
                host.display, event.requestor, event.property, atoms.incr, 32, PropModeReplace,
                $0.baseAddress?.assumingMemoryBound(to: UInt8.self), 1)
        }
        transfers.append(
            Transfer(
                requestor: event.requestor, property: event.property, type: type, bytes: bytes,
                deadline: MonotonicClock.nanoseconds + Self.patience))
        notify(event, property: event.property)
    }

    /// A program has taken a piece.
    func changed(_ event: XPropertyEvent) -> Bool {
        guard event.state == PropertyDelete,
            let n = transfers.firstIndex(where: { $0.requestor == event.window && $0.property == event.atom })
        else { return false }
        let piece = min(transfers[n].bytes.count - transfers[n].position, 1 << 16)
        let from = transfers[n].position
        let bytes = Array(transfers[n].bytes[from..<from + piece])
        XChangeProperty(
            host.display, event.window, event.atom, transfers[n].type, 8, PropModeReplace, bytes, Int32(piece))
        transfers[n].position += piece
        transfers[n].deadline = MonotonicClock.nanoseconds + Self.patience
        // An empty piece was the end.
        if piece == 0 { finish(n) }
        return true
    }

    private func finish(_ n: Int) {
        if transfers[n].requestor != window { XSelectInput(host.display, transfers[n].requestor, 0) }
        transfers.remove(at: n)
    }

    /// True when the pod did not answer in time, and its wish is to be withdrawn.
    func tick() -> Bool {
        let now = MonotonicClock.nanoseconds
        for n in transfers.indices.reversed() where now > transfers[n].deadline { finish(n) }
        guard wish != 0 || !pastes.isEmpty, now > deadline else { return false }
        wish = 0
        for paste in pastes { notify(paste.event, property: 0) }
        pastes = []
        return true
    }

    private func notify(_ request: XSelectionRequestEvent, property: Atom) {
        var event = XEvent()
        event.xselection.type = SelectionNotify
        event.xselection.display = request.display
        event.xselection.requestor = request.requestor
        event.xselection.selection = request.selection
        event.xselection.target = request.target
        event.xselection.property = property
        event.xselection.time = request.time
        XSendEvent(host.display, request.requestor, False, 0, &event)
    }
}
