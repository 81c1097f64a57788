internal import CX11
internal import Glibc
internal import LinuxSystem

/// The connection to the host's X server.
final class HostDisplay {
    let display: OpaquePointer
    let screen: Int32
    let root: Window
    /// Of 24 bits, 8 a colour, as the pod's pixels are.
    let visual: UnsafeMutablePointer<Visual>
    let colormap: Colormap
    /// MIT-SHM: 2 when descriptors can be handed over; less is not used.
    let sharedMemoryLevel: Int32
    /// Whether the server survives it when a file that it was handed is cut.
    let isGuarded: Bool
    /// The number of ShmCompletion events.
    let completionEvent: Int32
    let name: String
    let pending = PendingPuts()

    static let depth: Int32 = 24

    /// What the last request that failed failed with; X tells it some time later.
    nonisolated(unsafe) private static var lastError: UInt8 = 0  // the main thread's alone, as all of Xlib here
    /// What errors call the requests that show memory, and whether one failed.
    nonisolated(unsafe) private static var puts: [Request] = []  // the main thread's alone, as all of Xlib here
    nonisolated(unsafe) private static var hasLostPixels = false  // the main thread's alone, as all of Xlib here
    /// What is said when the server goes away.
    nonisolated(unsafe) static var lastWord: () -> Void = {}  // likewise

    /// Connects to the display that DISPLAY names.
    init() throws(Failure) {
        let wanted = getenv("DISPLAY").map { String(cString: $0) } ?? ""
        guard !wanted.isEmpty else {
            throw Failure(
                "open", "a window", "DISPLAY is not set, so there is no X server to show it",
                remedy: "run this in a desktop session, or take a picture with: podview screenshot")
        }
        guard let display = XOpenDisplay(nil) else {
            throw Failure(
                "reach", "the X server \(wanted)", "it does not answer, or does not let us in",
                remedy: "see whether DISPLAY and XAUTHORITY are those of your desktop session")
        }
        self.display = display
        name = wanted
        screen = cx11_default_screen(display)
        root = cx11_root(display, screen)
        var info = XVisualInfo()
        guard XMatchVisualInfo(display, screen, Self.depth, TrueColor, &info) != 0,
            info.red_mask == 0xff0000, info.green_mask == 0xff00, info.blue_mask == 0xff, let visual = info.visual,
            cx11_byte_order(display) == LSBFirst
        else {
            throw Failure("use", "the X server \(wanted)", "it has no visual of 24 bits a pixel")
        }
        self.visual = visual
        colormap = XCreateColormap(display, root, visual, AllocNone)
        sharedMemoryLevel = cx11_shm_level(display)
        isGuarded = cx11_shm_is_guarded(display) != 0
        Self.puts = [
            Request(of: display, "MIT-SHM", UInt8(X_ShmPutImage)),
            Request(of: display, "XVideo", UInt8(xv_ShmPutImage)),
        ]
        completionEvent = sharedMemoryLevel > 0 ? XShmGetEventBase(display) + Int32(ShmCompletion) : -1
        var event: Int32 = 0
        var error: Int32 = 0
        guard XRenderQueryExtension(display, &event, &error) != 0 else {
            throw Failure("use", "the X server \(wanted)", "it has no Render extension")
        }
        _ = XSetErrorHandler { _, event in
            guard let event else { return 0 }
            HostDisplay.lastError = event.pointee.error_code
            let failed = Request(extension: event.pointee.request_code, number: event.pointee.minor_code)
            if HostDisplay.puts.contains(failed) { HostDisplay.hasLostPixels = true }
            return 0
        }
        _ = XSetIOErrorHandler { _ in
            HostDisplay.lastWord()
            exit(1)
        }
        var supported: Int32 = 0
        XkbSetDetectableAutoRepeat(display, True, &supported)
    }

    deinit { XCloseDisplay(display) }

    var descriptor: Int32 { cx11_connection(display) }

    /// Does what may fail and waits until the server has answered; the X error code, 0 for none.
    func failing(_ body: () -> Void) -> UInt8 {
        XSync(display, False)
        Self.lastError = 0
        body()
        XSync(display, False)
        return Self.lastError
    }

    /// Whether the server could not read pixels, because their memory was cut; says so once.
    func takeLoss() -> Bool {
        guard Self.hasLostPixels else { return false }
        Self.hasLostPixels = false
        pending.forget()
        return true
    }

    func atom(_ name: String) -> Atom { XInternAtom(display, name, False) }

    /// The refresh rate of the first monitor that says one, thousandths of a Hz; 0 when none does.
    var refreshMilliHertz: UInt32 {
        guard let resources = XRRGetScreenResourcesCurrent(display, root) else { return 0 }
        defer { XRRFreeScreenResources(resources) }
        for n in 0..<Int(max(resources.pointee.ncrtc, 0)) {
            guard let crtc = XRRGetCrtcInfo(display, resources, resources.pointee.crtcs[n]) else { continue }
            defer { XRRFreeCrtcInfo(crtc) }
            for m in 0..<Int(max(resources.pointee.nmode, 0)) {
                let mode = resources.pointee.modes[m]
                guard mode.id == crtc.pointee.mode, mode.hTotal > 0, mode.vTotal > 0 else { continue }
                let refresh = UInt64(mode.dotClock) * 1000 / (UInt64(mode.hTotal) * UInt64(mode.vTotal))
                if (1000...500_000).contains(refresh) { return UInt32(refresh) }
            }
        }
        return 0
    }

    /// Pixels of the whole screen.
    var size: (width: Int, height: Int) {
        (Int(cx11_screen_width(display, screen)), Int(cx11_screen_height(display, screen)))
    }
}

/// A request of an extension's.
private struct Request: Equatable {
    var `extension`: UInt8
    var number: UInt8

    init(extension: UInt8, number: UInt8) { (self.extension, self.number) = (`extension`, number) }

    init(of display: OpaquePointer, _ name: String, _ number: UInt8) {
        var (opcode, event, error) = (Int32(0), Int32(0), Int32(0))
        XQueryExtension(display, name, &opcode, &event, &error)
        self.init(extension: UInt8(truncatingIfNeeded: opcode), number: number)
    }
}
