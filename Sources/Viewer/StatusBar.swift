internal import CX11

/// A line under the view: how things are, and what can be done.
final class StatusBar {
    enum Button: String, CaseIterable {
        case fullScreen = "Full screen"
        case detach = "Leave running"
        case suspend = "Suspend"
    }

    static let height = 22

    let window: Window
    private let host: HostDisplay
    private let gc: GC
    private let font: UnsafeMutablePointer<XFontStruct>?
    private var width: Int
    private var text = ""
    private var buttons = Button.allCases

    init(_ host: HostDisplay, parent: Window, width: Int, y: Int) {
        self.host = host
        self.width = width
        var attributes = XSetWindowAttributes()
        attributes.colormap = host.colormap
        attributes.border_pixel = 0
        attributes.background_pixel = Self.background
        attributes.event_mask = ExposureMask | ButtonPressMask
        window = XCreateWindow(
            host.display, parent, 0, Int32(y), UInt32(max(width, 1)), UInt32(Self.height), 0, HostDisplay.depth,
            UInt32(InputOutput), host.visual, UInt(CWColormap | CWBorderPixel | CWBackPixel | CWEventMask), &attributes)
        gc = XCreateGC(host.display, window, 0, nil)
        font = XLoadQueryFont(host.display, "fixed")
        if let font { XSetFont(host.display, gc, font.pointee.fid) }
    }

    deinit {
        if let font { XFreeFont(host.display, font) }
        XFreeGC(host.display, gc)
    }

    private static let background: UInt = 0x2b303b
    private static let raised: UInt = 0x3f4756
    private static let ink: UInt = 0xe5e9f0

    func place(width: Int, y: Int) {
        self.width = width
        XMoveResizeWindow(host.display, window, 0, Int32(y), UInt32(max(width, 1)), UInt32(Self.height))
        draw()
    }

    /// Says something else. The core fonts have no more than ASCII in common.
    func say(_ text: String, buttons: [Button] = Button.allCases) {
        let plain = String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.isASCII && $0.value >= 32 ? $0 : "?" }))
        guard plain != self.text || buttons != self.buttons else { return }
        (self.text, self.buttons) = (plain, buttons)
        draw()
    }

    func draw() {
        XSetForeground(host.display, gc, Self.background)
        XFillRectangle(host.display, window, gc, 0, 0, UInt32(max(width, 1)), UInt32(Self.height))
        XSetForeground(host.display, gc, Self.ink)
        write(text, x: 6)
        for (button, x, width) in places() {
            XSetForeground(host.display, gc, Self.raised)
            XFillRectangle(host.display, window, gc, Int32(x), 2, UInt32(width), UInt32(Self.height - 4))
            XSetForeground(host.display, gc, Self.ink)
            write(button.rawValue, x: x + 7)
        }
    }

    /// What is under a click there.
    func button(x: Int) -> Button? {
        places().first { x >= $0.x && x < $0.x + $0.width }?.button
    }

    /// From the right.
    private func places() -> [(button: Button, x: Int, width: Int)] {
        var right = width - 4
        return buttons.reversed().map { button in
            let width = measure(button.rawValue) + 14
            right -= width + 4
            return (button, right, width)
        }
    }

    private func measure(_ text: String) -> Int {
        guard let font else { return text.utf8.count * 6 }
        return Int(XTextWidth(font, text, Int32(text.utf8.count)))
    }

    private func write(_ text: String, x: Int) {
        XDrawString(host.display, window, gc, Int32(x), 15, text, Int32(text.utf8.count))
    }
}
