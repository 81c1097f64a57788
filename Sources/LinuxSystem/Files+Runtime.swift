internal import CLinux
internal import Glibc
public import SystemPackage

/// Files of the kernel's, and of a runtime folder, which a reboot may forget: nothing here is synced.
extension Files {
    /// Writes into what is there: one write, nothing created, nothing replaced.
    public static func put(_ text: String, into path: FilePath) throws(Errno) {
        let file = OwnedDescriptor(adopting: try check(csys_open(path.string, O_WRONLY, 0)))
        let bytes = Array(text.utf8)
        try retrying { Glibc.write(file.number, bytes, bytes.count) }
    }

    /// The whole text of a file of the kernel's.
    public static func text(_ path: FilePath, limit: Int = 1 << 20) throws(Errno) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// Replaces a file in one step: readers see the old content or the new.
    public static func swap(_ path: FilePath, with bytes: [UInt8], mode: UInt32, group: UInt32 = 0) throws(Errno) {
        let temporary = path.removingLastComponent().appending(".\(path.lastComponent?.string ?? "").new")
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
        let file = OwnedDescriptor(adopting: try check(csys_open(temporary.string, flags, mode_t(mode))))
        try retrying { fchown(file.number, 0, group) }
        try retrying { fchmod(file.number, mode) }
        let written = bytes.withUnsafeBytes { buffer in
            Result { () throws(Errno) in try writeAll(file, buffer) }
        }
        try written.get()
        try retrying { rename(temporary.string, path.string) }
    }

    /// A folder with exactly this mode and owner; one that is there already is kept, and given them.
    public static func ensureFolder(_ path: FilePath, mode: UInt32, owner: UInt32 = 0, group: UInt32 = 0)
        throws(Errno)
    {
        if mkdir(path.string, mode) < 0, errno != EEXIST { throw Errno(rawValue: errno) }
        try retrying { lchown(path.string, owner, group) }
        try retrying { chmod(path.string, mode) }
    }

    /// What overlayfs shows of this folder of an upper layer hides what lies below.
    public static func makeOpaque(_ folder: FilePath) throws(Errno) {
        try check(csys_set_attribute(folder.string, "trusted.overlay.opaque", "y", 1))
    }

    /// Opens a log to append to.
    public static func openLog(_ path: FilePath, permissions: FilePermissions = .ownerReadWrite) throws(Errno)
        -> OwnedDescriptor
    {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW
        return OwnedDescriptor(adopting: try check(csys_open(path.string, flags, permissions.rawValue)))
    }
}
