internal import CX11
internal import DisplayABI
internal import LinuxSystem

/// A picture of 32 bits a pixel: the pod's own screen, or a copy of it in memory of ours.
final class HostImage {
    let width: Int
    let height: Int
    /// Bytes from line to line.
    let stride: Int
    /// Where pixels are to be copied before they are put; `nil` for the pod's own.
    let copy: HostMemory?
    let pod: PodSegment?
    private let image: UnsafeMutablePointer<XImage>
    private let host: HostDisplay

    private var segment: HostSegment? { copy?.segment ?? pod?.segment }

    /// - Parameters:
    ///   - screen: checked.
    ///   - pod: where it lies, for the pod's own pixels.
    init(_ host: HostDisplay, _ screen: display_screen, in pod: PodSegment?) throws(Failure) {
        (width, height, stride) = (Int(screen.width), Int(screen.height), Int(screen.stride))
        let copy = pod == nil ? try HostMemory(host, count: stride * height) : nil
        let start = copy?.start ?? pod?.object.memory.start.advanced(by: Int(screen.offset))
        guard
            let image = XCreateImage(
                host.display, host.visual, UInt32(HostDisplay.depth), ZPixmap, 0,
                start?.assumingMemoryBound(to: CChar.self), UInt32(stride / 4), UInt32(height), 32, Int32(stride))
        else { throw Failure("make", "a picture", "there is no memory for it") }
        (self.host, self.copy, self.pod, self.image) = (host, copy, pod, image)
        image.pointee.obdata = segment?.forXlib
    }

    deinit { XFree(image) }

    /// Shows a part of it in a window or pixmap.
    ///
    /// - Returns: whether the server will say when it has read it (ShmCompletion); until then the part should stay as it is.
    func put(_ box: Box, to drawable: Drawable, _ gc: GC, x: Int, y: Int, tells: Bool) -> Bool {
        if segment != nil {
            XShmPutImage(
                host.display, drawable, gc, image, Int32(box.x1), Int32(box.y1), Int32(x), Int32(y), UInt32(box.width),
                UInt32(box.height), tells ? True : False)
            return tells
        }
        XPutImage(
            host.display, drawable, gc, image, Int32(box.x1), Int32(box.y1), Int32(x), Int32(y), UInt32(box.width),
            UInt32(box.height))
        return false
    }
}
