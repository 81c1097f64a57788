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

    /// The next bytes into `buffer`, and how many; 0 at the end.
    public static func read(_ file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer)
        throws(Errno) -> Int
    {
        let number = file.number
        return try retrying { Glibc.read(number, buffer.baseAddress, buffer.count) }
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

    /// Lets the device begin with a part of a file, without waiting. Only a hint: errors show in the sync.
    public static func startWriteBack(_ file: borrowing OwnedDescriptor, from offset: UInt64, count: UInt64) {
        _ = csys_start_write_back(file.number, Int64(clamping: offset), Int64(clamping: count))
    }
}
