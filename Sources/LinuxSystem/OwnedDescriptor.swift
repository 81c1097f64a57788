internal import CLinux
internal import Glibc
public import SystemPackage

/// The one owner of an open file descriptor: closed when it goes out of scope.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number; valid as long as this value lives.
    public let number: Int32

    /// Takes ownership of an open descriptor.
    public init(adopting number: Int32) {
        precondition(number >= 0, "not a descriptor: \(number)")
        self.number = number
    }

    deinit {
        // EINTR after close(2) on Linux means closed; EBADF means somebody else closed what this value owns.
        precondition(close(number) == 0 || errno != EBADF, "descriptor \(number) was closed by another owner")
    }

    /// Gives ownership away: the caller closes.
    public consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// A second descriptor for the same open file, close-on-exec.
    ///
    /// The corresponding C function is `fcntl` with `F_DUPFD_CLOEXEC`.
    public func duplicate() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_fcntl_set(number, F_DUPFD_CLOEXEC, 3)))
    }

    /// Makes reads and writes return `EAGAIN` rather than wait, or wait again.
    public func setNonBlocking(_ on: Bool) throws(Errno) {
        let flags = try check(csys_fcntl_get(number, F_GETFL))
        try check(csys_fcntl_set(number, F_SETFL, Int(on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK)))
    }

    /// Whether programs started from here inherit it.
    public func setInheritable(_ on: Bool) throws(Errno) {
        try check(csys_fcntl_set(number, F_SETFD, on ? 0 : Int(FD_CLOEXEC)))
    }

    /// Whether both are open on the same file.
    public func isSameFile(as other: borrowing OwnedDescriptor) -> Bool {
        var ours = stat()
        var theirs = stat()
        return fstat(number, &ours) == 0 && fstat(other.number, &theirs) == 0
            && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev
    }
}
