internal import CLinux
internal import Glibc
public import SystemPackage

/// Whole files and folders, with the syncs that make a change survive a loss of power.
public enum Files {
    /// The whole file; `EFBIG` when it is longer than `limit` bytes, so that a damaged device cannot fill the memory.
    public static func read(_ path: FilePath, limit: Int) throws(Errno) -> [UInt8] {
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDONLY, 0)))
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: min(limit + 1, 1 << 16), alignment: 1)
        defer { chunk.deallocate() }
        var bytes: [UInt8] = []
        while true {
            let got = try retrying { Glibc.read(file.number, chunk.baseAddress, chunk.count) }
            if got == 0 { return bytes }
            guard bytes.count + got <= limit else { throw .fileTooLarge }
            bytes.append(contentsOf: chunk[..<got])
        }
    }

    /// Replaces `path` by `bytes`, or makes it: whatever happens meanwhile, a reader finds the whole old file or the
    /// whole new one, and once this returns the new one survives a loss of power.
    public static func replace(
        _ path: FilePath, with bytes: [UInt8],
        permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
    ) throws(Errno) {
        guard let name = path.lastComponent else { throw .invalidArgument }
        let folder = path.removingLastComponent()
        let temporary = folder.appending(".\(name.string).\(getpid()).new")
        do {
            try write(temporary, bytes, permissions: permissions)
            try retrying { rename(temporary.string, path.string) }
        } catch {
            unlink(temporary.string)
            throw error
        }
        try syncFolder(folder)
    }

    /// Writes a new file and syncs it; its name lasts only once its folder is synced.
    public static func write(_ path: FilePath, _ bytes: [UInt8], permissions: FilePermissions) throws(Errno) {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, flags, permissions.rawValue)))
        let written = bytes.withUnsafeBytes { buffer in
            Result { () throws(Errno) in try writeAll(file, buffer) }
        }
        try written.get()
        try retrying { fsync(file.number) }
    }

    /// Puts what was written to a file on the device.
    public static func sync(_ path: FilePath) throws(Errno) {
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDONLY, 0)))
        try retrying { fsync(file.number) }
    }

    /// Makes the names in a folder last: the rename or unlink of a file is a change of its folder.
    public static func syncFolder(_ path: FilePath) throws(Errno) {
        let name = path.isEmpty ? "." : path.string
        let folder = OwnedDescriptor(adopting: try check(csys_open(name, O_RDONLY | O_DIRECTORY, 0)))
        try retrying { fsync(folder.number) }
    }

    /// Writes back everything the file system at `path` holds in memory. The corresponding C function is `syncfs`.
    public static func syncFileSystem(at path: FilePath) throws(Errno) {
        let folder = OwnedDescriptor(adopting: try check(csys_open(path.string, O_RDONLY, 0)))
        try check(csys_syncfs(folder.number))
    }

    /// Bytes that can still be written on the file system at `path`.
    public static func freeBytes(at path: FilePath) throws(Errno) -> UInt64 {
        var free: UInt64 = 0
        var type: Int64 = 0
        try check(csys_statfs(path.string, &free, &type))
        return free
    }

    /// What a tree takes up, links not followed and mounts not entered.
    public struct TreeBytes: Sendable {
        /// On its file system.
        public var allocated: UInt64
        /// Lengths of its ordinary files.
        public var content: UInt64
    }

    public static func treeBytes(_ path: FilePath) throws(Errno) -> TreeBytes {
        var bytes = TreeBytes(allocated: 0, content: 0)
        try check(csys_tree_bytes(path.string, &bytes.allocated, &bytes.content))
        return bytes
    }
}
