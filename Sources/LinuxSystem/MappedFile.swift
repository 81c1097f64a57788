internal import CLinux
internal import Glibc
public import SystemPackage

/// A file's bytes in this process's memory, to read. Nobody may shorten the file meanwhile: who reads beyond its end is
/// killed.
public final class MappedFile {
    public let bytes: UnsafeRawBufferPointer

    /// What is mapped: from a page's beginning on.
    private let mapped: UnsafeMutableRawBufferPointer

    /// Maps a file that is not empty.
    public convenience init(_ path: FilePath) throws(Errno) {
        try self.init(Files.openForReading(path), 0..<Files.size(of: path))
    }

    /// Maps a part of a file that is not empty.
    public init(_ file: borrowing OwnedDescriptor, _ part: Range<UInt64>) throws(Errno) {
        let page = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        let first = part.lowerBound / page * page
        let count = Int(clamping: part.upperBound - first)
        guard let start = mmap(nil, count, PROT_READ, MAP_SHARED, file.number, off_t(clamping: first)),
            start != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        mapped = UnsafeMutableRawBufferPointer(start: start, count: count)
        bytes = UnsafeRawBufferPointer(rebasing: mapped[Int(part.lowerBound - first)...])
    }

    deinit { munmap(mapped.baseAddress, mapped.count) }

    /// A part of it; that all of it is there at once is seen to with one call, not page by page.
    public func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        let part = UnsafeRawBufferPointer(rebasing: bytes[range])
        // Only sooner than else: where the kernel does not know of it, each page is looked up when it is read.
        csys_populate(part.baseAddress, part.count)
        return part
    }
}
