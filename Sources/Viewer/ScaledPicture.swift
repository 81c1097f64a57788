internal import CX11

/// The pod's screen as a picture of the host's server, which shows it larger or smaller (Render), in hardware where it
/// has some.
final class ScaledPicture {
    private let host: HostDisplay
    private let pixmap: Pixmap
    private let gc: GC
    private let source: Picture
    private let target: Picture
    private let width: Int
    private let height: Int

    /// `nil` when the server has no room.
    init?(_ host: HostDisplay, window: Window, _ image: HostImage) {
        self.host = host
        (width, height) = (image.width, image.height)
        guard let format = XRenderFindVisualFormat(host.display, host.visual) else { return nil }
        var made: Pixmap = 0
        let error = host.failing {
            made = XCreatePixmap(
                host.display, window, UInt32(image.width), UInt32(image.height), UInt32(HostDisplay.depth))
        }
        guard error == 0 else { return nil }
        pixmap = made
        gc = XCreateGC(host.display, pixmap, 0, nil)
        var attributes = XRenderPictureAttributes()
        // What a filter mixes in beyond the edge.
        attributes.`repeat` = RepeatPad
        source = XRenderCreatePicture(host.display, pixmap, format, UInt(CPRepeat), &attributes)
        target = XRenderCreatePicture(host.display, window, format, 0, &attributes)
        _ = image.put(
            Box(0, 0, image.width, image.height), to: pixmap, gc, x: 0, y: 0, tells: false)
    }

    deinit {
        XRenderFreePicture(host.display, source)
        XRenderFreePicture(host.display, target)
        XFreeGC(host.display, gc)
        XFreePixmap(host.display, pixmap)
    }

    func isFor(_ image: HostImage) -> Bool { width == image.width && height == image.height }

    func use(_ placement: Placement) {
        let (sx, sy) = (
            Double(width) / Double(placement.target.width), Double(height) / Double(placement.target.height)
        )
        var transform = XTransform()
        transform.matrix.0.0 = XFixed(sx * 65536)
        transform.matrix.1.1 = XFixed(sy * 65536)
        transform.matrix.2.2 = 65536
        XRenderSetPictureTransform(host.display, source, &transform)
        XRenderSetPictureFilter(host.display, source, placement.isFiltered ? FilterBilinear : FilterNearest, nil, 0)
    }

    func put(_ image: HostImage, _ box: Box, tells: Bool) -> Bool {
        image.put(box, to: pixmap, gc, x: box.x1, y: box.y1, tells: tells)
    }

    /// What of the window may be drawn to.
    func clip(_ free: PixelRegion?) {
        if let free {
            XRenderSetPictureClipRegion(host.display, target, free.region)
        } else {
            var attributes = XRenderPictureAttributes()
            XRenderChangePicture(host.display, target, UInt(CPClipMask), &attributes)
        }
    }

    /// Shows a box of the window.
    func show(_ box: Box, _ placement: Placement) {
        guard !box.isEmpty else { return }
        XRenderComposite(
            host.display, PictOpSrc, source, Picture(None), target, Int32(box.x1 - placement.target.x1),
            Int32(box.y1 - placement.target.y1), 0, 0, Int32(box.x1), Int32(box.y1), UInt32(box.width),
            UInt32(box.height))
    }
}
