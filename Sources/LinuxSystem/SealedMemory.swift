internal import CLinux
internal import Glibc
public import SystemPackage

/// A memfd of another process, mapped whole. Only one that is sealed against shrinking is taken, so that no
/// access can ever raise SIGBUS, whatever its owner does.
public struct SealedMemory: ~Copyable {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// Maps `memory`, which must be exactly `byteCount` bytes long and sealed (F_SEAL_SHRINK, F_SEAL_GROW).
    ///
    /// Throws `invalidArgument` for what is no memfd or has another size, `notPermitted` for one without seals.
    public init(_ memory: borrowing OwnedDescriptor, byteCount: Int) throws(Errno) {
        guard try check(csys_has_fixed_size(memory.number)) == 1 else { throw .notPermitted }
        var status = stat()
        try retrying { fstat(memory.number, &status) }
        guard byteCount > 0, status.st_size == byteCount else { throw .invalidArgument }
        guard let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, memory.number, 0),
            base != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        self.base = base
        self.byteCount = byteCount
    }

    deinit { munmap(base, byteCount) }
}
