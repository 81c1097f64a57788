internal import CLinux
internal import Glibc
public import SystemPackage

/// A folder that is taken as `/`: names in it cannot lead out of it, whatever links a stranger has put there.
///
/// The corresponding C function is `openat2` with `RESOLVE_IN_ROOT`.
public struct RootedFolder: ~Copyable {
    private let root: OwnedDescriptor

    public init(_ path: FilePath) throws(Errno) {
        root = OwnedDescriptor(adopting: try check(csys_open_folder(path.string)))
    }

    public enum Links: Sendable {
        /// Followed, within the folder.
        case followed
        /// None on the whole way.
        case refused
    }

    /// Opens a name in the folder with open(2)'s flags.
    public func open(_ path: FilePath, flags: Int32, mode: UInt32 = 0, links: Links = .followed) throws(Errno)
        -> OwnedDescriptor
    {
        OwnedDescriptor(
            adopting: try check(csys_open_in_root(root.number, path.string, flags, mode, links == .refused ? 1 : 0)))
    }

    /// Opens a name as a mere place.
    public func place(_ path: FilePath, links: Links = .followed) throws(Errno) -> OwnedDescriptor {
        try open(path, flags: csys_path_only | (links == .refused ? O_NOFOLLOW : 0), links: links)
    }
}
