internal import CLinux
public import SystemPackage

/// A file that is shared with somebody who may cut it: reading on then finds zeroes, not SIGBUS.
public final class GuardedMemory: @unchecked Sendable {
    // Unchecked, and safe: nothing of it changes; what lies in the memory changes at any time, whoever reads it.

    /// The mapping's first byte.
    public let start: UnsafeMutableRawPointer
    /// Bytes of it.
    public let count: Int
    private let number: Int32

    /// Maps the first `count` bytes, which may be more than the file has.
    public init(_ file: borrowing OwnedDescriptor, count: Int) throws(Errno) {
        var start: UnsafeMutableRawPointer?
        number = try check(csys_map_guarded(file.number, count, &start))
        guard let start else { throw .noMemory }
        self.start = start
        self.count = count
    }

    deinit { csys_unmap_guarded(number) }

    /// Whether the file was shorter than what was read of it, or full: the memory is no longer shared.
    public var wasCut: Bool { csys_guarded_was_cut(number) != 0 }
}
