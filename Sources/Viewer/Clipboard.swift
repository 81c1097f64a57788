internal import CX11
internal import DisplayABI
internal import LinuxSystem

/// The host's selections and the pod's, one as the other: what is copied here can be pasted there. Data moves only when
/// something is pasted.
final class Clipboard {
    let host: HostDisplay
    let window: Window
    let atoms: ClipboardAtoms
    /// What we say of the host's side: a record in our slot.
    private var said = display_clipboard()
    private let incoming: SelectionReader
    private let outgoing: SelectionServer
    private var object: DisplayObject?
    private weak var slot: ViewerSlot?

    // What the pod offered last, a serial each.
    private var podOffers: [UInt32] = [0, 0]
    private var isFirst = true
    private var wishNumber: UInt32 = 0
    /// The wish of the pod that is being answered, or was.
    private var podWish: UInt32 = 0

    init?(_ host: HostDisplay, window: Window) {
        self.host = host
        self.window = window
        var event: Int32 = 0
        var error: Int32 = 0
        guard XFixesQueryExtension(host.display, &event, &error) != 0 else { return nil }
        fixesEvent = event + Int32(XFixesSelectionNotify)
        atoms = ClipboardAtoms(host)
        incoming = SelectionReader(host, window: window, atoms)
        outgoing = SelectionServer(host, window: window, atoms)
        for selection in atoms.selections {
            XFixesSelectSelectionInput(
                host.display, window, selection, UInt(XFixesSetSelectionOwnerNotifyMask))
        }
    }

    private let fixesEvent: Int32

    /// Another slot, perhaps of another server.
    func forget() {
        said = display_clipboard()
        podOffers = [0, 0]
        isFirst = true
        podWish = 0
        outgoing.forget()
    }

    // MARK: From the pod

    func update(from object: DisplayObject, _ slot: ViewerSlot) {
        self.object = object
        self.slot = slot
        guard let pod = object.podClipboard(), pod.owner != 0 else { return }
        if isFirst {
            isFirst = false
            outgoing.marker = host.atom("_MEDIAPOD_\(object.epoch)")
            // What the host has already.
            for n in 0..<2 where XGetSelectionOwner(host.display, atoms.selections[n]) != 0 { hostOffers(n) }
        }
        takeOffer(pod.offers.0, 0)
        takeOffer(pod.offers.1, 1)
        if outgoing.answered(pod.answer, from: object, slot) { say(outgoing.nextWish()) }
        takeWish(pod.wish, slot)
    }

    private func takeOffer(_ offer: display_offer, _ n: Int) {
        guard offer.serial != podOffers[n] else { return }
        podOffers[n] = offer.serial
        outgoing.offer(n, serial: offer.serial, formats: offer.formats)
    }

    private func takeWish(_ wish: display_wish, _ slot: ViewerSlot) {
        guard wish.number != podWish else { return }
        podWish = wish.number
        guard wish.number != 0, wish.viewer == slot.slotNumber, wish.owner == slot.owner else {
            said.answer.status = DISPLAY_ANSWER_NONE.rawValue
            return
        }
        let n = Int(wish.selection)
        guard n < 2 else { return answer(wish.number, DISPLAY_ANSWER_FAILED) }
        let standing = n == 0 ? said.offers.0 : said.offers.1
        guard wish.serial == standing.serial, standing.formats & wish.format != 0 else {
            return answer(wish.number, DISPLAY_ANSWER_GONE)
        }
        let target = wish.format == DISPLAY_FORMAT_PNG.rawValue ? atoms.png : atoms.utf8
        incoming.read(atoms.selections[n], target) { [weak self] result in
            guard let self, self.podWish == wish.number else { return }
            switch result {
            case .failed: answer(wish.number, DISPLAY_ANSWER_FAILED)
            case .tooBig: answer(wish.number, DISPLAY_ANSWER_TOO_BIG)
            case .data(let bytes):
                guard self.slot?.putClipboard(bytes) == true else {
                    return answer(wish.number, DISPLAY_ANSWER_FAILED)
                }
                answer(wish.number, DISPLAY_ANSWER_DATA, bytes: bytes.count)
            }
        }
    }

    private func answer(_ number: UInt32, _ status: display_answer_status, bytes: Int = 0) {
        said.answer = display_answer(
            viewer: 0, owner: 0, number: number, status: status.rawValue, bytes: UInt32(bytes))
        slot?.say(said)
    }

    // MARK: From the host

    func handle(_ event: inout XEvent, _ slot: ViewerSlot) -> Bool {
        self.slot = slot
        if event.type == fixesEvent {
            let notify = withUnsafeBytes(of: event) { $0.loadUnaligned(as: XFixesSelectionNotifyEvent.self) }
            guard let n = atoms.selections.firstIndex(of: notify.selection) else { return true }
            if notify.owner != window { hostOffers(n) }
            return true
        }
        switch event.type {
        case SelectionNotify: return incoming.notified(event.xselection)
        case PropertyNotify: return incoming.changed(event.xproperty) || outgoing.changed(event.xproperty)
        case SelectionRequest:
            if let wish = outgoing.requested(event.xselectionrequest) { say(wish) }
            return true
        case SelectionClear:
            outgoing.lost(event.xselectionclear.selection)
            return true
        default: return false
        }
    }

    /// Asks the pod for the data of its offer; without a wish, for no more.
    private func say(_ wish: display_wish?) {
        guard let wish else {
            said.wish = display_wish()
            slot?.say(said)
            return
        }
        wishNumber &+= 1
        if wishNumber == 0 { wishNumber = 1 }
        said.wish = wish
        said.wish.number = wishNumber
        outgoing.wished(wishNumber)
        slot?.say(said)
    }

    /// Somebody on the host has copied something: what can it be pasted as?
    private func hostOffers(_ n: Int) {
        incoming.readTargets(atoms.selections[n]) { [weak self] targets in
            guard let self else { return }
            // It came from this very pod, by way of another viewer.
            guard !targets.contains(outgoing.marker) else { return }
            var formats: UInt32 = 0
            if targets.contains(atoms.utf8) || targets.contains(XA_STRING) { formats |= DISPLAY_FORMAT_TEXT.rawValue }
            if targets.contains(atoms.png) { formats |= DISPLAY_FORMAT_PNG.rawValue }
            if n == 0 {
                said.offers.0 = display_offer(serial: said.offers.0.serial &+ 1, formats: formats)
            } else {
                said.offers.1 = display_offer(serial: said.offers.1.serial &+ 1, formats: formats)
            }
            slot?.say(said)
        }
    }

    /// Time goes by: whoever does not deliver has failed.
    func tick() {
        incoming.tick()
        if outgoing.tick() {
            said.wish = display_wish()
            slot?.say(said)
        }
    }
}

struct ClipboardAtoms {
    /// In the order of `display_selection`.
    let selections: [Atom]
    let targets: Atom
    let utf8: Atom
    let png: Atom
    let plain: Atom
    let incr: Atom
    let timestamp: Atom
    /// Where what we ask for is put.
    /// Of our window, for what we read.
    let properties: [Atom]

    init(_ host: HostDisplay) {
        selections = [host.atom("CLIPBOARD"), XA_PRIMARY]
        targets = host.atom("TARGETS")
        utf8 = host.atom("UTF8_STRING")
        png = host.atom("image/png")
        plain = host.atom("text/plain;charset=utf-8")
        incr = host.atom("INCR")
        timestamp = host.atom("TIMESTAMP")
        properties = (0..<16).map { host.atom("_MEDIAPOD_SELECTION_\($0)") }
    }
}
