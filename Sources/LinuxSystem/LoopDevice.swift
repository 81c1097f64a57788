internal import CLinux
internal import Glibc
public import SystemPackage

/// A loop device that shows a file as a block device, readable and writable; it goes with its last user.
public struct LoopDevice: ~Copyable {
    /// `/dev/loopN`
    public let path: FilePath
    /// Keeps the device until it is mounted.
    private let device: OwnedDescriptor

    /// The one that shows the file already, or a new one: two at once would each have a page cache of their own, and
    /// a file system that is mounted by both is lost.
    ///
    /// - Parameter file: absolute, without links.
    public init(of file: FilePath) throws(Errno) {
        let blocks: FilePath = "/sys/block"
        for name in (try? Files.list(blocks)) ?? [] where name.hasPrefix("loop") {
            guard let text = try? Files.text(blocks.appending("\(name)/loop/backing_file")),
                text.hasSuffix("\n"), text.dropLast() == file.string,
                let device = try? Files.openForReading(FilePath("/dev/\(name)"))
            else { continue }
            path = FilePath("/dev/\(name)")
            self.device = device
            return
        }
        let image = OwnedDescriptor(adopting: try check(csys_open(file.string, O_RDWR, 0)))
        var number: Int32 = -1
        device = OwnedDescriptor(adopting: try check(csys_loop_attach(image.number, 0, &number)))
        path = FilePath("/dev/loop\(number)")
    }

    /// Has a mounted device take the length that its file has now. The ioctl is `LOOP_SET_CAPACITY`.
    public static func refresh(_ path: FilePath) throws(Errno) {
        try check(csys_loop_refresh(path.string))
    }
}
