internal import CX11
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Memory of ours that the host's X server reads pixels from: attached there if it can be (MIT-SHM 1.2), else sent.
///
/// It is a file without a name: when we are killed, it is gone with the connection.
final class HostMemory {
    let start: UnsafeMutableRawPointer
    let count: Int
    /// What Xlib wants to know of the segment; `shmseg` 0 when it is not attached.
    let segment: UnsafeMutablePointer<XShmSegmentInfo>
    private let host: HostDisplay

    var isAttached: Bool { segment.pointee.shmseg != 0 }

    init(_ host: HostDisplay, count: Int) throws(Failure) {
        let owned = try attempt("make", "memory for the picture") { () throws(Errno) in
            let file = try Files.memory("podview")
            try retrying { ftruncate(file.number, off_t(count)) }
            return file
        }
        guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, owned.number, 0), start != MAP_FAILED
        else { throw Failure("map", "memory for the picture", Errno(rawValue: errno)) }
        self.host = host
        self.start = start
        self.count = count
        segment = .allocate(capacity: 1)
        segment.initialize(to: XShmSegmentInfo(shmseg: 0, shmid: -1, shmaddr: nil, readOnly: True))
        guard host.sharedMemoryLevel >= 2, let given = try? owned.duplicate() else { return }
        let number = UInt(xcb_generate_id(XGetXCBConnection(host.display)))
        // A server on another machine, or in another container, says that it cannot.
        guard cx11_shm_attach(host.display, number, given.release(), 1) == 0 else { return }
        segment.pointee.shmseg = number
        segment.pointee.shmaddr = start.assumingMemoryBound(to: CChar.self)
    }

    deinit {
        if isAttached { XShmDetach(host.display, segment) }
        segment.deallocate()
        munmap(start, count)
    }
}

/// A picture of 32 bits a pixel in such memory.
final class HostImage {
    let width: Int
    let height: Int
    /// Bytes from line to line.
    let stride: Int
    private let memory: HostMemory
    private let image: UnsafeMutablePointer<XImage>
    private let host: HostDisplay

    var start: UnsafeMutableRawPointer { memory.start }

    /// - Parameter stride: a multiple of 4.
    init(_ host: HostDisplay, width: Int, height: Int, stride: Int) throws(Failure) {
        memory = try HostMemory(host, count: stride * height)
        guard
            let image = XCreateImage(
                host.display, host.visual, UInt32(HostDisplay.depth), ZPixmap, 0,
                memory.start.assumingMemoryBound(to: CChar.self), UInt32(stride / 4), UInt32(height), 32, Int32(stride))
        else { throw Failure("make", "a picture", "there is no memory for it") }
        (self.host, self.width, self.height, self.stride, self.image) = (host, width, height, stride, image)
        image.pointee.obdata = UnsafeMutableRawPointer(memory.segment).assumingMemoryBound(to: CChar.self)
    }

    deinit { XFree(image) }

    /// Copies a part of it to a window or pixmap.
    ///
    /// - Returns: whether the server will say when it has read it (ShmCompletion); until then the part should stay as it is.
    func put(_ box: Box, to drawable: Drawable, _ gc: GC, x: Int, y: Int, tells: Bool) -> Bool {
        if memory.isAttached {
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
