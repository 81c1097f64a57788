internal import CLinux
internal import Glibc
public import SystemPackage

/// A file's bytes in this process's memory, to read. Nobody may shorten the file meanwhile: who reads beyond its end is
/// killed.
public final class MappedFile {
    public let bytes: UnsafeRawBufferPointer

    /// Maps a file that is not empty.
    public init(_ path: FilePath) throws(Errno) {
        let file = try Files.openForReading(path)
        let number = file.number
        let size = Int(clamping: try Files.size(of: path))
        guard let start = mmap(nil, size, PROT_READ, MAP_SHARED, number, 0), start != MAP_FAILED else {
            throw Errno(rawValue: errno)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    /// A part of it; that all of it is there at once is seen to with one call, not page by page.
    public func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        let part = UnsafeRawBufferPointer(rebasing: bytes[range])
        // Only sooner than else: where the kernel does not know of it, each page is looked up when it is read.
        csys_populate(part.baseAddress, part.count)
        return part
    }
}
