internal import CX11
internal import DisplayABI
internal import Glibc
internal import LinuxSystem

/// The pod's screen in a window of the host. Only what changed goes to the host's server, which reads the pod's pixels
/// where they are. One that might not survive it when a pod cuts its memory gets a copy, and so does one that has found
/// it cut.
final class Canvas {
    /// Bytes of a screen that is shown; a pod may ask for more than a host has.
    static let limit = 512 << 20

    private let host: HostDisplay
    private let pod: PodAttachment
    private let window: Window
    private let gc: GC
    private var screen = display_screen()
    private var image: HostImage?
    private var scaled: ScaledPicture?
    private var damagePosition = UInt64.max
    private var boxes = [display_box](repeating: 0, count: Int(DISPLAY_DAMAGE_BOXES))
    private(set) var placement: Placement?
    /// What is drawn by others: video.
    var covered: PixelRegion?

    private(set) var windowSize = (width: 1, height: 1)
    var scaling: Scaling

    init(_ host: HostDisplay, _ pod: PodAttachment, window: Window, scaling: Scaling) {
        self.host = host
        self.pod = pod
        self.window = window
        self.scaling = scaling
        var values = XGCValues()
        values.graphics_exposures = False
        gc = XCreateGC(host.display, window, UInt(GCGraphicsExposures), &values)
        XSetForeground(host.display, gc, 0)
    }

    deinit { XFreeGC(host.display, gc) }

    /// The size of what is shown, pixels; `nil` before there was a screen.
    var screenSize: (width: Int, height: Int)? {
        image == nil ? nil : (Int(screen.width), Int(screen.height))
    }

    // MARK: From the pod

    /// Another object: nothing that was known of the last one holds.
    func forget() { damagePosition = .max }

    /// Shows what changed. Not while the server is busy with the last.
    ///
    /// - Returns: whether the screen has another size than before.
    func update(from object: DisplayObject) throws(Failure) -> Bool {
        guard let (now, sequence) = object.screen() else { return false }
        let count = object.damage(since: &damagePosition, into: &boxes)
        let segment = pod.segment(of: object)
        var changed: [Box]
        var isNew = false
        if image == nil || image?.pod !== segment || now.serial != screen.serial || now.width != screen.width
            || now.height != screen.height || now.stride != screen.stride || now.offset != screen.offset
        {
            guard now.bytes <= UInt64(Self.limit) else {
                throw Failure("the pod's screen", "\(now.width)x\(now.height) pixels are more than podview shows")
            }
            isNew = now.width != screen.width || now.height != screen.height || image == nil
            image = nil
            image = try HostImage(host, now, in: segment)
            screen = now
            if isNew { place() }
            changed = [whole]
        } else if let count {
            changed = boxes[..<count].map { Box(display_box_on($0, now.width, now.height)) }.filter { !$0.isEmpty }
            // So many that what lies between them is cheaper than they are.
            if changed.count > 64 { changed = [changed.reduce(changed[0]) { $0.union($1) }] }
        } else {
            changed = [whole]
        }
        for box in changed { copy(box, from: object) }
        // Moved while it was read: what was copied is of something else.
        if object.screen()?.sequence != sequence { damagePosition = .max }
        show(changed)
        return isNew
    }

    private var whole: Box { Box(0, 0, Int(screen.width), Int(screen.height)) }

    private func copy(_ box: Box, from object: DisplayObject) {
        guard let image, let copy = image.copy else { return }
        let stride = image.stride
        let from = object.memory.start.advanced(by: Int(screen.offset))
        if box.width == image.width, box.width * 4 == stride {
            memcpy(copy.start.advanced(by: box.y1 * stride), from.advanced(by: box.y1 * stride), box.height * stride)
            return
        }
        for y in box.y1..<box.y2 {
            let offset = y * stride + box.x1 * 4
            memcpy(copy.start.advanced(by: offset), from.advanced(by: offset), box.width * 4)
        }
    }

    // MARK: To the window

    /// Boxes of the screen that are to be shown.
    private func show(_ boxes: [Box]) {
        guard let image, let placement, !boxes.isEmpty else { return }
        clip()
        // A copy is not to change before it was read; and what a scaled picture costs the server is behind what it tells.
        let tells = image.copy != nil || scaled != nil || host.pending.wantsWord
        for (n, box) in boxes.enumerated() {
            let isLast = n == boxes.count - 1
            let told: Bool
            if let scaled {
                told = scaled.put(image, box, tells: tells && isLast)
                scaled.show(placement.toWindow(box).intersection(placement.target), placement)
            } else {
                let at = placement.toWindow(box)
                told = image.put(box, to: window, gc, x: at.x1, y: at.y1, tells: tells && isLast)
            }
            if isLast { host.pending.added(tells: told) }
        }
    }

    /// Draws without a change: after an exposure, or where a video was. In the window's pixels.
    func redraw(_ exposed: Box) {
        guard let image, let placement else {
            XSetClipMask(host.display, gc, Pixmap(None))
            fill(exposed)
            return
        }
        XSetClipMask(host.display, gc, Pixmap(None))
        let t = placement.target
        for border in [
            Box(0, 0, windowSize.width, t.y1), Box(0, t.y2, windowSize.width, windowSize.height),
            Box(0, t.y1, t.x1, t.y2), Box(t.x2, t.y1, windowSize.width, t.y2),
        ] { fill(border.intersection(exposed)) }
        let inside = exposed.intersection(t)
        guard !inside.isEmpty else { return }
        clip()
        if let scaled {
            scaled.show(inside, placement)
        } else {
            let box = Box(inside.x1 - t.x1, inside.y1 - t.y1, inside.x2 - t.x1, inside.y2 - t.y1)
                .intersection(whole)
            _ = image.put(box, to: window, gc, x: inside.x1, y: inside.y1, tells: false)
        }
    }

    func redrawAll() { redraw(Box(0, 0, windowSize.width, windowSize.height)) }

    private func fill(_ box: Box) {
        guard !box.isEmpty else { return }
        XFillRectangle(
            host.display, window, gc, Int32(box.x1), Int32(box.y1), UInt32(box.width), UInt32(box.height))
    }

    private func clip() {
        if let covered {
            let free = PixelRegion([Box(0, 0, windowSize.width, windowSize.height)])
            free.subtract(covered)
            XSetRegion(host.display, gc, free.region)
            scaled?.clip(free)
        } else {
            XSetClipMask(host.display, gc, Pixmap(None))
            scaled?.clip(nil)
        }
    }

    func resized(width: Int, height: Int) {
        windowSize = (max(width, 1), max(height, 1))
        place()
        redrawAll()
    }

    /// Finds out anew where on the window the screen is.
    func place() {
        guard let image else { return }
        let new = Placement(screen: (image.width, image.height), window: windowSize, scaling: scaling)
        placement = new
        if !new.isScaled {
            scaled = nil
        } else if scaled?.isFor(image) != true {
            scaled = ScaledPicture(host, window: window, image)
        }
        scaled?.use(new)
        redrawAll()
    }
}
