internal import CLinux
public import Glibc
public import SystemPackage

/// A folder that is open. What is done by a name in it is done in it, whatever its path is by now and however long:
/// trees of any depth can be walked with one of these for each level that matters.
public struct OpenFolder: ~Copyable {
    public let descriptor: OwnedDescriptor
    public var number: Int32 { descriptor.number }

    private static let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW

    public init(_ path: FilePath) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try check(csys_open(path.string, Self.flags, 0)))
    }

    private init(adopting descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// A folder in this one; a link is not followed.
    public func folder(_ name: FileName) throws(Errno) -> OpenFolder {
        OpenFolder(adopting: try open(name, flags: Self.flags))
    }

    /// The folder that this one lies in.
    public func parent() throws(Errno) -> OpenFolder { try folder(FileName("..")) }

    /// Opens a file with open(2)'s flags; a link is not followed.
    public func open(_ name: FileName, flags: Int32, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        let folder = number
        return OwnedDescriptor(
            adopting: try check(name.withCString { csys_open_at(folder, $0, flags | O_NOFOLLOW, mode) }))
    }

    /// The names in it, in no order, without `.` and `..`.
    public func names() throws(Errno) -> [FileName] {
        // Its own position in the folder: fdopendir takes what it is given.
        let copy = try open(FileName("."), flags: Self.flags).release()
        guard let stream = fdopendir(copy) else {
            let error = Errno(rawValue: errno)
            close(copy)
            throw error
        }
        defer { closedir(stream) }
        var names: [FileName] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { FileName(bytes: $0) }
            }
            if name != FileName("."), name != FileName("..") { names.append(name) }
        }
    }

    /// What lstat(2) says of a name; `nil` when there is nothing of that name.
    public func status(of name: FileName) throws(Errno) -> stat? {
        var status = stat()
        let folder = number
        do {
            try retrying { name.withCString { fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) } }
        } catch .noSuchFileOrDirectory {
            return nil
        }
        return status
    }

    /// What fstat(2) says of the folder itself.
    public func status() throws(Errno) -> stat {
        var status = stat()
        let folder = number
        try retrying { fstat(folder, &status) }
        return status
    }
}
