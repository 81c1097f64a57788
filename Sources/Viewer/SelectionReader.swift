internal import CX11
internal import DisplayABI
internal import LinuxSystem

/// Reads selections of the host's other programs, one after the other (ICCCM 2.4, large ones by INCR).
final class SelectionReader {
    enum Result {
        case data([UInt8])
        case tooBig
        case failed
    }

    private struct Request {
        var selection: Atom
        var target: Atom
        var done: (Result) -> Void
    }

    private let host: HostDisplay
    private let window: Window
    private let atoms: ClipboardAtoms
    private var queue: [Request] = []
    private var isIncremental = false
    private var bytes: [UInt8] = []
    private var deadline: UInt64 = 0
    /// Counts the requests that were broken off. Whose owner has not noticed, and goes on writing, shall not do so where the
    /// next one's writes.
    private var brokenOff = 0

    /// How long a program may take to deliver the next piece, ns.
    private static let patience: UInt64 = 1_500_000_000

    init(_ host: HostDisplay, window: Window, _ atoms: ClipboardAtoms) {
        (self.host, self.window, self.atoms) = (host, window, atoms)
    }

    func read(_ selection: Atom, _ target: Atom, done: @escaping (Result) -> Void) {
        // More than a few is somebody's game.
        guard queue.count < 8 else { return done(.failed) }
        queue.append(Request(selection: selection, target: target, done: done))
        if queue.count == 1 { begin() }
    }

    func readTargets(_ selection: Atom, done: @escaping ([Atom]) -> Void) {
        read(selection, atoms.targets) { result in
            guard case .data(let bytes) = result else { return done([]) }
            done(
                bytes.withUnsafeBytes { raw in
                    (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt.self) }
                })
        }
    }

    private var property: Atom { atoms.properties[brokenOff % atoms.properties.count] }

    private func begin() {
        guard let request = queue.first else { return }
        (bytes, isIncremental) = ([], false)
        deadline = MonotonicClock.nanoseconds + Self.patience
        XConvertSelection(
            host.display, request.selection, request.target, property, window, Time(CurrentTime))
    }

    private func finish(_ result: Result) {
        guard !queue.isEmpty else { return }
        let request = queue.removeFirst()
        begin()
        request.done(result)
    }

    private func breakOff(_ result: Result) {
        brokenOff &+= 1
        finish(result)
    }

    func notified(_ event: XSelectionEvent) -> Bool {
        guard event.requestor == window, let request = queue.first, event.selection == request.selection else {
            return false
        }
        // An answer to one that was broken off comes too late.
        guard event.target == request.target, !isIncremental else { return true }
        guard event.property != 0 else {
            finish(.failed)
            return true
        }
        guard event.property == property else { return true }
        guard let (piece, type) = take(event.property) else {
            breakOff(.tooBig)
            return true
        }
        if type == atoms.incr {
            isIncremental = true
            // At least so many bytes will come; 0 of owners that do not know.
            let least = piece.count >= 8 ? piece.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } : 0
            if UInt32(truncatingIfNeeded: least) > DISPLAY_MAX_CLIPBOARD { breakOff(.tooBig) }
        } else {
            finish(.data(piece))
        }
        return true
    }

    /// The next piece of a large one.
    func changed(_ event: XPropertyEvent) -> Bool {
        guard event.window == window, event.atom == property, event.state == PropertyNewValue, isIncremental
        else { return false }
        guard let (piece, _) = take(event.atom), bytes.count + piece.count <= Int(DISPLAY_MAX_CLIPBOARD) else {
            breakOff(.tooBig)
            return true
        }
        deadline = MonotonicClock.nanoseconds + Self.patience
        if piece.isEmpty { finish(.data(bytes)) } else { bytes += piece }
        return true
    }

    func tick() {
        if !queue.isEmpty, MonotonicClock.nanoseconds > deadline { breakOff(.failed) }
    }

    /// The property's value, which is deleted; `nil` when it is too long.
    private func take(_ property: Atom) -> (bytes: [UInt8], type: Atom)? {
        var type: Atom = 0
        var format: Int32 = 0
        var count: UInt = 0
        var left: UInt = 0
        var data: UnsafeMutablePointer<UInt8>?
        XGetWindowProperty(
            host.display, window, property, 0, Int(DISPLAY_MAX_CLIPBOARD / 4), True, Atom(AnyPropertyType), &type,
            &format, &count, &left, &data)
        guard left == 0 else {
            if let data { XFree(data) }
            XDeleteProperty(host.display, window, property)
            return nil
        }
        guard let data else { return ([], type) }
        defer { XFree(data) }
        // Xlib has 32-bit items as longs.
        let size = format == 32 ? 8 : Int(format) / 8
        return (Array(UnsafeBufferPointer(start: data, count: Int(count) * size)), type)
    }
}
