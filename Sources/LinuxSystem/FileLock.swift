internal import CLinux
internal import Glibc
public import SystemPackage

/// An exclusive lock on a file or folder (`flock`), held until this value goes. The kernel lets it go when the last
/// process that holds the descriptor ends, however it ends: what is locked is in use, what is not is nobody's.
public struct FileLock: ~Copyable, Sendable {
    let file: OwnedDescriptor

    init(file: consuming OwnedDescriptor) {
        self.file = file
    }

    /// The descriptor, for a program that shall hold the lock too.
    public var descriptor: Int32 { file.number }

    /// Waits for the lock.
    public static func take(_ path: FilePath) throws(Errno) -> FileLock {
        let file = try open(path)
        try check(csys_flock(file.number, LOCK_EX))
        return FileLock(file: file)
    }

    /// The lock, or `nil` when another open file has it, in this process or elsewhere.
    public static func take(ifFree path: FilePath) throws(Errno) -> FileLock? {
        let file = try open(path)
        let result = csys_flock(file.number, LOCK_EX | LOCK_NB)
        if result == -EWOULDBLOCK { return nil }
        try check(result)
        return FileLock(file: file)
    }

    /// Waits until nobody has the lock for himself alone; any number may share it.
    public static func takeShared(_ path: FilePath) throws(Errno) -> FileLock {
        let file = try open(path)
        try check(csys_flock(file.number, LOCK_SH))
        return FileLock(file: file)
    }

    private static func open(_ path: FilePath) throws(Errno) -> OwnedDescriptor {
        let flags = Files.isFolder(path) ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT | O_NOFOLLOW
        return OwnedDescriptor(adopting: try check(csys_open(path.string, flags, 0o600)))
    }
}
