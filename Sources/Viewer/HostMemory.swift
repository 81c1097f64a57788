internal import CX11
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A file that the host's X server has mapped to read from it (MIT-SHM 1.2), until this goes.
final class HostSegment {
    private let host: HostDisplay
    private let info: UnsafeMutablePointer<XShmSegmentInfo>

    /// `nil` where the server cannot: it is too old, on another machine, or in another container.
    ///
    /// - Parameter start: the file's first byte in our memory, from which Xlib counts.
    init?(_ host: HostDisplay, _ file: borrowing OwnedDescriptor, start: UnsafeMutableRawPointer) {
        guard host.sharedMemoryLevel >= 2, let given = try? file.duplicate() else { return nil }
        let number = UInt(xcb_generate_id(XGetXCBConnection(host.display)))
        guard cx11_shm_attach(host.display, number, given.release(), 1) == 0 else { return nil }
        self.host = host
        info = .allocate(capacity: 1)
        info.initialize(
            to: XShmSegmentInfo(
                shmseg: number, shmid: -1, shmaddr: start.assumingMemoryBound(to: CChar.self), readOnly: True))
    }

    deinit {
        XShmDetach(host.display, info)
        info.deallocate()
    }

    /// What an image's `obdata` is to be.
    var forXlib: UnsafeMutablePointer<CChar> { UnsafeMutableRawPointer(info).assumingMemoryBound(to: CChar.self) }
}

/// Memory of ours for what the host's X server is given to read: attached there if it can be, else sent.
///
/// It is a file without a name: when we are killed, it is gone with the connection.
final class HostMemory {
    let start: UnsafeMutableRawPointer
    let count: Int
    let segment: HostSegment?

    init(_ host: HostDisplay, count: Int) throws(Failure) {
        let file = try attempt("make", "memory for the picture") { () throws(Errno) in
            let file = try Files.memory("podview")
            try retrying { ftruncate(file.number, off_t(count)) }
            return file
        }
        guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0), start != MAP_FAILED
        else { throw Failure("map", "memory for the picture", Errno(rawValue: errno)) }
        self.start = start
        self.count = count
        segment = HostSegment(host, file, start: start)
    }

    deinit { munmap(start, count) }
}
