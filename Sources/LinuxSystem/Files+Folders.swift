internal import CLinux
internal import Glibc
public import SystemPackage

extension Files {
    /// What a name stands for; links are not followed.
    public enum Kind: Sendable {
        case file, folder, link, other
    }

    /// `nil` when there is nothing of that name.
    public static func kind(of path: FilePath) throws(Errno) -> Kind? {
        var state = stat()
        do {
            try retrying { lstat(path.string, &state) }
        } catch .noSuchFileOrDirectory, .notDirectory {
            return nil
        }
        return switch state.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        case S_IFLNK: .link
        default: .other
        }
    }

    /// Whether `path` is an ordinary file, or leads to one.
    public static func isRegularFile(_ path: FilePath) -> Bool {
        var state = stat()
        return stat(path.string, &state) == 0 && state.st_mode & S_IFMT == S_IFREG
    }

    /// Length of a file in bytes. Links are followed.
    public static func size(of path: FilePath) throws(Errno) -> UInt64 {
        var state = stat()
        try retrying { stat(path.string, &state) }
        return UInt64(clamping: state.st_size)
    }

    /// The names in a folder, sorted, without `.` and `..`.
    public static func list(_ path: FilePath) throws(Errno) -> [String] {
        guard let folder = opendir(path.string) else { throw Errno(rawValue: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                if errno != 0 { throw Errno(rawValue: errno) }
                return names.sorted()
            }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    /// A new folder; `EEXIST` when the name is taken. The mode is exact, whatever the umask.
    public static func makeFolder(_ path: FilePath, permissions: FilePermissions) throws(Errno) {
        try retrying { mkdir(path.string, permissions.rawValue) }
        try retrying { chmod(path.string, permissions.rawValue) }
    }

    /// A folder and those it lies in, made where they are not there.
    public static func makeFolders(_ path: FilePath, permissions: FilePermissions) throws(Errno) {
        do {
            try makeFolder(path, permissions: permissions)
        } catch .fileExists {
            guard isFolder(path) else { throw .notDirectory }
        } catch .noSuchFileOrDirectory {
            let parent = path.removingLastComponent()
            guard !parent.isEmpty, parent != path else { throw .noSuchFileOrDirectory }
            try makeFolders(parent, permissions: permissions)
            try makeFolder(path, permissions: permissions)
        }
    }

    /// Whether `path` is a folder, or leads to one.
    public static func isFolder(_ path: FilePath) -> Bool {
        var state = stat()
        return stat(path.string, &state) == 0 && state.st_mode & S_IFMT == S_IFDIR
    }

    /// Removes a file or link; nothing there is no error.
    public static func remove(_ path: FilePath) throws(Errno) {
        do { try retrying { unlink(path.string) } } catch .noSuchFileOrDirectory {}
    }

    /// Moves within one file system; an existing file or empty folder at `to` is replaced.
    public static func move(_ from: FilePath, to: FilePath) throws(Errno) {
        try retrying { rename(from.string, to.string) }
    }

    /// Moves within one file system; `EEXIST` when there is something at `to`.
    public static func moveNew(_ from: FilePath, to: FilePath) throws(Errno) {
        try check(csys_rename_new(from.string, to.string))
    }
}
