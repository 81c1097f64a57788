internal import CX11
internal import Glibc

/// The window on the host: the view with the pod's screen, and under it a bar that says how things are.
final class ViewerWindow {
    let host: HostDisplay
    let window: Window
    let view: Window
    let bar: StatusBar?
    private(set) var isFullScreen = false
    private let fullScreenAtom: Atom
    private let stateAtom: Atom
    let protocolsAtom: Atom
    let deleteAtom: Atom
    /// Of the window without a bar.
    private(set) var viewSize = (width: 1, height: 1)
    private var wholeSize = (width: 1, height: 1)

    /// - Parameter size: of the view, pixels; less when the host's screen is smaller.
    init(_ host: HostDisplay, title: String, size: (width: Int, height: Int), hasBar: Bool) {
        self.host = host
        let barHeight = hasBar ? StatusBar.height : 0
        let most = host.size
        let width = min(max(size.width, 64), most.width)
        let height = min(max(size.height + barHeight, 64), most.height)
        var attributes = XSetWindowAttributes()
        attributes.colormap = host.colormap
        attributes.border_pixel = 0
        attributes.background_pixel = 0
        attributes.event_mask =
            KeyPressMask | KeyReleaseMask | FocusChangeMask | KeymapStateMask | StructureNotifyMask | PropertyChangeMask
        let mask = UInt(CWColormap | CWBorderPixel | CWBackPixel | CWEventMask)
        window = XCreateWindow(
            host.display, host.root, 0, 0, UInt32(width), UInt32(height), 0, HostDisplay.depth, UInt32(InputOutput),
            host.visual, mask, &attributes)
        attributes.event_mask =
            ExposureMask | ButtonPressMask | ButtonReleaseMask | PointerMotionMask | EnterWindowMask | LeaveWindowMask
        // What is uncovered is drawn by us: a background would flicker.
        attributes.background_pixmap = Pixmap(None)
        view = XCreateWindow(
            host.display, window, 0, 0, UInt32(width), UInt32(max(height - barHeight, 1)), 0, HostDisplay.depth,
            UInt32(InputOutput), host.visual, UInt(CWColormap | CWBorderPixel | CWBackPixmap | CWEventMask), &attributes
        )
        bar = hasBar ? StatusBar(host, parent: window, width: width, y: height - barHeight) : nil
        fullScreenAtom = host.atom("_NET_WM_STATE_FULLSCREEN")
        stateAtom = host.atom("_NET_WM_STATE")
        protocolsAtom = host.atom("WM_PROTOCOLS")
        deleteAtom = host.atom("WM_DELETE_WINDOW")
        wholeSize = (width, height)
        viewSize = (width, max(height - barHeight, 1))
        describe(title)
        XMapWindow(host.display, view)
        if let bar { XMapWindow(host.display, bar.window) }
    }

    deinit { XDestroyWindow(host.display, window) }

    func show() { XMapWindow(host.display, window) }

    private func describe(_ title: String) {
        let text = "\(title) - MediaPod"
        XStoreName(host.display, window, text)
        let bytes = Array(text.utf8)
        property("_NET_WM_NAME", type: host.atom("UTF8_STRING"), bytes: bytes)
        property("_NET_WM_ICON_NAME", type: host.atom("UTF8_STRING"), bytes: bytes)
        property("WM_CLASS", type: XA_STRING, bytes: Array("podview\0MediaPod\0".utf8))
        let machine = (try? host.machine()) ?? []
        if !machine.isEmpty { property("WM_CLIENT_MACHINE", type: XA_STRING, bytes: machine) }
        words("_NET_WM_PID", type: XA_CARDINAL, [UInt(getpid())])
        words("_NET_WM_ICON", type: XA_CARDINAL, Icon.words)
        var protocols = [deleteAtom]
        XSetWMProtocols(host.display, window, &protocols, 1)
        var hints = XWMHints()
        (hints.flags, hints.input, hints.initial_state) = (Int(InputHint | StateHint), True, NormalState)
        XSetWMHints(host.display, window, &hints)
    }

    private func property(_ name: String, type: Atom, bytes: [UInt8]) {
        XChangeProperty(host.display, window, host.atom(name), type, 8, PropModeReplace, bytes, Int32(bytes.count))
    }

    /// Xlib takes 32-bit values as longs.
    private func words(_ name: String, type: Atom, _ words: [UInt]) {
        words.withUnsafeBytes { bytes in
            _ = XChangeProperty(
                host.display, window, host.atom(name), type, 32, PropModeReplace,
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(words.count))
        }
    }

    // MARK: Size

    /// The window was given another size; true when the view's has changed.
    func resized(width: Int, height: Int) -> Bool {
        wholeSize = (width, height)
        return arrange()
    }

    @discardableResult
    private func arrange() -> Bool {
        let barHeight = bar == nil || isFullScreen ? 0 : StatusBar.height
        let size = (width: max(wholeSize.width, 1), height: max(wholeSize.height - barHeight, 1))
        XMoveResizeWindow(host.display, view, 0, 0, UInt32(size.width), UInt32(size.height))
        if let bar {
            if barHeight == 0 {
                XUnmapWindow(host.display, bar.window)
            } else {
                bar.place(width: size.width, y: size.height)
                XMapWindow(host.display, bar.window)
            }
        }
        guard size != viewSize else { return false }
        viewSize = size
        return true
    }

    func setFullScreen(_ on: Bool) {
        guard on != isFullScreen else { return }
        isFullScreen = on
        var event = XEvent()
        event.xclient.type = ClientMessage
        event.xclient.window = window
        event.xclient.message_type = stateAtom
        event.xclient.format = 32
        event.xclient.data.l.0 = on ? 1 : 0
        event.xclient.data.l.1 = Int(fullScreenAtom)
        event.xclient.data.l.3 = 1
        XSendEvent(
            host.display, host.root, False, SubstructureRedirectMask | SubstructureNotifyMask, &event)
        if !hasWindowManager {
            let size = host.size
            XMoveResizeWindow(
                host.display, window, 0, 0, UInt32(on ? size.width : size.width * 3 / 4),
                UInt32(on ? size.height : size.height * 3 / 4))
        }
        arrange()
    }

    /// Before the window is shown: it begins as full screen.
    func beginFullScreen() {
        isFullScreen = true
        words("_NET_WM_STATE", type: XA_ATOM, [fullScreenAtom])
        if !hasWindowManager {
            let size = host.size
            XMoveResizeWindow(host.display, window, 0, 0, UInt32(size.width), UInt32(size.height))
            wholeSize = size
        }
        arrange()
    }

    var hasWindowManager: Bool {
        var type: Atom = 0
        var format: Int32 = 0
        var count: UInt = 0
        var left: UInt = 0
        var data: UnsafeMutablePointer<UInt8>?
        XGetWindowProperty(
            host.display, host.root, host.atom("_NET_SUPPORTING_WM_CHECK"), 0, 1, False, XA_WINDOW, &type, &format,
            &count, &left, &data)
        if let data { XFree(data) }
        return count == 1
    }
}

extension HostDisplay {
    func machine() throws -> [UInt8] {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, 255) == 0 else { return [] }
        return name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
}
