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

    private func begin() {
        guard let request = queue.first else { return }
        (bytes, isIncremental) = ([], false)
        deadline = MonotonicClock.nanoseconds + Self.patience
        XConvertSelection(
            host.display, request.selection, request.target, atoms.property, window, Time(CurrentTime))
    }

    private func finish(_ result: Result) {
        guard !queue.isEmpty else { return }
        let request = queue.removeFirst()
        begin()
        request.done(result)
    }

    func notified(_ event: XSelectionEvent) -> Bool {
        guard event.requestor == window, let request = queue.first, event.selection == request.selection else {
            return false
        }
        guard event.property != 0 else {
            finish(.failed)
            return true
        }
        guard let (piece, type) = take(event.property) else {
            finish(.tooBig)
            return true
        }
        if type == atoms.incr {
            isIncremental = true
        } else {
            finish(.data(piece))
        }
        return true
    }

    /// The next piece of a large one.
    func changed(_ event: XPropertyEvent) -> Bool {
        guard event.window == window, event.atom == atoms.property, event.state == PropertyNewValue, isIncremental
        else { return false }
        guard let (piece, _) = take(event.atom), bytes.count + piece.count <= Int(DISPLAY_MAX_CLIPBOARD) else {
            finish(.tooBig)
            return true
        }
        deadline = MonotonicClock.nanoseconds + Self.patience
        if piece.isEmpty { finish(.data(bytes)) } else { bytes += piece }
        return true
    }

    func tick() {
        if !queue.isEmpty, MonotonicClock.nanoseconds > deadline { finish(.failed) }
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
