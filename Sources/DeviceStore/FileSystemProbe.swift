internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What the file system under a device can do, found out by doing it.
enum FileSystemProbe {
    /// What a pod's files have and `folder` cannot hold, of owners, modes, links, device nodes (overlayfs's whiteouts) and
    /// attributes in the `trusted` name space (overlayfs's own): "its file system (vfat) cannot hold symbolic links". `nil`
    /// when it can hold all. Throws when it cannot be written to at all.
    static func lack(of folder: FilePath) throws(Failure) -> String? {
        let subject = "a device of \(folder.string)"
        guard geteuid() == 0 else {
            throw Failure("make", subject, "only root may give files to the pod's users", remedy: "run it with sudo")
        }
        if type(of: folder) == overlay {
            // An image there would serve, but hardly anybody means it: overlays are live systems' and containers'.
            throw Failure(
                "make", subject, "it lies on an overlay, which cannot carry another", remedy: remedy)
        }
        let probe = folder.appending(".\(UUID().uuidString).probe")
        defer { try? Files.removeTree(probe) }
        for test in tests {
            do {
                if test.needsFolder { try Files.makeFolder(probe, permissions: .ownerReadWriteExecute) }
                try test.run(probe)
            } catch {
                if error == .readOnlyFileSystem {
                    throw Failure("make", subject, "it is read-only", remedy: "mount it writable", cause: error)
                }
                if error.isDeviceFull { throw Failure("make", subject, error, remedy: "free some space on it") }
                return "its file system (\(name(of: folder))) cannot hold \(test.what)"
            }
        }
        return nil
    }

    private static let remedy = "put it on ext4, xfs or btrfs"

    private struct Test {
        var what: String
        var needsFolder = false
        var run: (FilePath) throws(Errno) -> Void
    }

    private static var tests: [Test] {
        [
            Test(what: "folders", needsFolder: true) { _ in },
            Test(what: "files of other users") { (probe) throws(Errno) in
                let file = probe.appending("file").string
                try Files.write(FilePath(file), [1], permissions: .ownerReadWrite)
                try retrying { chown(file, 100_000, 100_000) }
                try retrying { chmod(file, 0o6751) }
                var state = stat()
                try retrying { lstat(file, &state) }
                // Some file systems take it and forget it.
                guard state.st_uid == 100_000, state.st_mode & 0o7777 == 0o6751 else { throw Errno.notSupported }
            },
            Test(what: "symbolic links") { (probe) throws(Errno) in
                try retrying { symlink("file", probe.appending("link").string) }
            },
            Test(what: "device nodes") { (probe) throws(Errno) in
                try retrying { mknod(probe.appending("node").string, S_IFCHR, 0) }
            },
            Test(what: "extended attributes") { (probe) throws(Errno) in
                let file = probe.appending("file").string
                try check(csys_set_attribute(file, "trusted.mediapod.probe", "y", 1))
            },
        ]
    }

    // MARK: - Kinds of file systems (linux/magic.h)

    private static let overlay: Int64 = 0x794c_7630

    /// Whether another kernel may have the same files open.
    static func isShared(_ folder: FilePath) -> Bool {
        // NFS, SMB, CIFS, 9P, FUSE, Ceph, AFS, GFS2, OCFS2
        let shared: Set<Int64> = [
            0x6969, 0xfe53_4d42, 0xff53_4d42, 0x0102_1997, 0x6573_5546, 0x00c3_6400, 0x5346_414f, 0x0116_1970,
            0x7461_636f,
        ]
        guard let type = type(of: folder) else { return true }
        return shared.contains(type) && !isOnBlockDevice(folder)
    }

    /// A file system that is a program may be on a block device as well (fuseblk). One that is not has a number that the
    /// kernel made up, of major 0.
    private static func isOnBlockDevice(_ folder: FilePath) -> Bool {
        var state = stat()
        return stat(folder.string, &state) == 0 && state.st_dev >> 8 & 0xfff != 0
    }

    private static func name(of folder: FilePath) -> String {
        let names: [Int64: String] = [
            0x4d44: "vfat", 0x2011_bab0: "exfat", 0x5346_544e: "ntfs", 0x6573_5546: "fuse", 0x6969: "nfs",
            0xff53_4d42: "cifs", 0xfe53_4d42: "smb", 0x0102_1997: "9p", 0x9660: "iso9660", 0x0102_1994: "tmpfs",
            0xef53: "ext4", 0x5846_5342: "xfs", 0x9123_683e: "btrfs",
        ]
        guard let type = type(of: folder) else { return "unknown" }
        return names[type] ?? "type 0x\(String(type, radix: 16))"
    }

    private static func type(of folder: FilePath) -> Int64? {
        var free: UInt64 = 0
        var type: Int64 = 0
        return csys_statfs(folder.string, &free, &type) == 0 ? type : nil
    }
}
