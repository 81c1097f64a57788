internal import CLinux
internal import Glibc
public import SystemPackage

/// Locks on files that come and go with what they guard, and that children inherit: what a killed program left running
/// keeps the lock until it has ended too.
extension FileLock {
    /// The lock on the file at `path`, waiting up to `milliseconds`; `nil` when another has it all the time. The file is
    /// made when it is not there, unless `creating` is false: then its absence is `.noSuchFileOrDirectory`.
    public static func take(_ path: FilePath, withinMilliseconds milliseconds: Int, creating: Bool = true)
        throws(Errno) -> FileLock?
    {
        let deadline = MonotonicClock.nanoseconds &+ UInt64(milliseconds) &* 1_000_000
        while true {
            let flags = O_RDWR | O_NOFOLLOW | (creating ? O_CREAT : 0)
            let file = OwnedDescriptor(adopting: try check(csys_open(path.string, flags, 0o600)))
            let result = csys_flock(file.number, LOCK_EX | LOCK_NB)
            if result >= 0 {
                // The former holder may have removed the file: then this lock is on nothing that others see.
                if isAt(path, file.number) { return FileLock(file: file) }
                continue
            }
            guard result == -EWOULDBLOCK || result == -EINTR else { throw Errno(rawValue: -result) }
            if MonotonicClock.nanoseconds >= deadline { return nil }
            usleep(5000)
        }
    }

    /// A lock that was inherited, already held.
    public static func inherited(_ number: Int32) -> FileLock {
        FileLock(file: OwnedDescriptor(adopting: number))
    }

    /// A descriptor of the file at `path`, which is made when it is not there, with a shared lock; it waits for those who
    /// have it alone.
    public static func share(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)))
        try check(csys_flock(file.number, LOCK_SH))
        return file
    }

    /// Makes a shared lock one's own alone; false when others share it.
    public static func makeExclusive(_ descriptor: Int32) -> Bool {
        csys_flock(descriptor, LOCK_EX | LOCK_NB) >= 0
    }

    /// Whether the locked file is still the one at that place.
    public func isAt(_ path: FilePath) -> Bool { Self.isAt(path, descriptor) }

    /// Says in the file who holds it and for what, for those who wait.
    public func note(_ text: String) {
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.utf8.count, 0)
    }

    private static func isAt(_ path: FilePath, _ number: Int32) -> Bool {
        var there = stat()
        var ours = stat()
        return lstat(path.string, &there) == 0 && fstat(number, &ours) == 0
            && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev
    }
}
