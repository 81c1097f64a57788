internal import CX11
internal import DisplayABI

/// The pod's cursor as the host shows it over the view.
final class HostCursor {
    private let host: HostDisplay
    private let window: Window
    private var serial: UInt32?
    private var isVisible: Bool?
    private var cursor: Cursor = 0
    private let none: Cursor

    init(_ host: HostDisplay, window: Window) {
        self.host = host
        self.window = window
        // Nothing can be seen of it.
        let pixmap = XCreatePixmap(host.display, window, 1, 1, 1)
        let gc = XCreateGC(host.display, pixmap, 0, nil)
        XSetForeground(host.display, gc, 0)
        XFillRectangle(host.display, pixmap, gc, 0, 0, 1, 1)
        XFreeGC(host.display, gc)
        var colour = XColor()
        var other = XColor()
        none = XCreatePixmapCursor(host.display, pixmap, pixmap, &colour, &other, 0, 0)
        XFreePixmap(host.display, pixmap)
    }

    deinit {
        XUndefineCursor(host.display, window)
        if cursor != 0 { XFreeCursor(host.display, cursor) }
        XFreeCursor(host.display, none)
    }

    func forget() { (serial, isVisible) = (nil, nil) }

    func update(from object: DisplayObject) {
        guard let now = object.cursorSerial(), now.serial != serial || now.isVisible != isVisible else { return }
        guard let (shape, pixels) = object.cursor() else { return }
        (serial, isVisible) = (shape.serial, shape.visible != 0)
        guard shape.visible != 0, shape.width > 0, shape.height > 0 else {
            XDefineCursor(host.display, window, none)
            return
        }
        let new = make(shape, pixels)
        XDefineCursor(host.display, window, new)
        if cursor != 0 { XFreeCursor(host.display, cursor) }
        cursor = new
    }

    private func make(_ shape: display_cursor, _ pixels: [UInt32]) -> Cursor {
        let format = XRenderFindStandardFormat(host.display, PictStandardARGB32)
        let pixmap = XCreatePixmap(host.display, window, shape.width, shape.height, 32)
        let gc = XCreateGC(host.display, pixmap, 0, nil)
        var pixels = pixels
        pixels.withUnsafeMutableBytes { bytes in
            // Sent, not shared: it is small and seldom.
            guard
                let image = XCreateImage(
                    host.display, host.visual, 32, ZPixmap, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    shape.width, shape.height, 32, Int32(shape.width * 4))
            else { return }
            XPutImage(host.display, pixmap, gc, image, 0, 0, 0, 0, shape.width, shape.height)
            XFree(image)
        }
        let picture = XRenderCreatePicture(host.display, pixmap, format, 0, nil)
        let cursor = XRenderCreateCursor(
            host.display, picture, min(shape.hot_x, shape.width - 1), min(shape.hot_y, shape.height - 1))
        XRenderFreePicture(host.display, picture)
        XFreeGC(host.display, gc)
        XFreePixmap(host.display, pixmap)
        return cursor
    }
}
