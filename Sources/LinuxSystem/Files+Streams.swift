internal import CLinux
internal import Glibc
public import SystemPackage

/// Files that are read and written in pieces.
extension Files {
    public static func openForReading(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDONLY, 0)))
    }

    /// An empty file, its former content gone.
    public static func openForWriting(_ path: FilePath, permissions: FilePermissions = .ownerReadWrite)
        throws(Errno) -> OwnedDescriptor
    {
        OwnedDescriptor(
            adopting: try check(csys_open(path.string, O_WRONLY | O_CREAT | O_TRUNC, permissions.rawValue)))
    }

    /// The first bytes of a file, as many as there are.
    public static func head(of path: FilePath, count: Int) throws(Errno) -> [UInt8] {
        let file = try openForReading(path)
        var bytes = [UInt8](repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(Errno) in try read(file, into: buffer) }
        }
        return Array(bytes.prefix(try got.get()))
    }

    /// A file that is there, its content kept.
    public static func openForChanging(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDWR, 0)))
    }

    /// An empty file that is nowhere but in memory, and seen by nobody but who is given it. The corresponding C function is
    /// `memfd_create`.
    public static func memory(_ name: String) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_memory_file(name)))
    }

    /// The next bytes into `buffer`, and how many; 0 at the end.
    public static func read(_ file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer)
        throws(Errno) -> Int
    {
        let number = file.number
        return try retrying { Glibc.read(number, buffer.baseAddress, buffer.count) }
    }

    /// Reads from `offset` on, wherever the descriptor's position is; 0 at the end.
    public static func read(
        _ file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        let number = file.number
        return try retrying { pread(number, buffer.baseAddress, buffer.count, off_t(clamping: offset)) }
    }

    /// Writes all of `bytes` at the descriptor's position.
    public static func writeAll(_ file: borrowing OwnedDescriptor, _ bytes: UnsafeRawBufferPointer) throws(Errno) {
        let number = file.number
        var rest = bytes
        while !rest.isEmpty {
            let written = try retrying { Glibc.write(number, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Writes all of `bytes` from `offset` on, wherever the descriptor's position is.
    public static func writeAll(_ file: borrowing OwnedDescriptor, _ bytes: UnsafeRawBufferPointer, at offset: UInt64)
        throws(Errno)
    {
        let number = file.number
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let place = off_t(clamping: offset + UInt64(done))
            done += try retrying { pwrite(number, rest.baseAddress, rest.count, place) }
        }
    }

    /// Lets the device begin with a part of a file, without waiting. Only a hint: errors show in the sync.
    public static func startWriteBack(_ file: borrowing OwnedDescriptor, from offset: UInt64, count: UInt64) {
        _ = csys_start_write_back(file.number, Int64(clamping: offset), Int64(clamping: count))
    }

    /// Lets what is read and written go past the kernel's memory, or not any more: memory, place and count are multiples of
    /// the device's sectors then. False where the file system cannot.
    public static func setDirect(_ file: borrowing OwnedDescriptor, _ isDirect: Bool) -> Bool {
        csys_set_direct(file.number, isDirect ? 1 : 0) == 0
    }
}
