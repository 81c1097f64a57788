import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A disk of its own: a file shown as a block device, with a file system that is mounted, or with nothing on it.
final class TestDisk {
    enum Kind: String, CaseIterable, Sendable {
        case blank, ext4, btrfs, xfs
        /// By exfat-fuse and ntfs-3g: not every kernel has exFAT, nor NTFS.
        case exfat, ntfs
    }

    private let folder: LabFolder
    /// `/dev/loopN`
    let device: FilePath
    private(set) var isMounted = false
    var mountPoint: FilePath { folder.appending("mount") }

    init(_ kind: Kind, megabytes: Int) throws {
        folder = try LabFolder("mediapod-disk")
        let image = folder.appending("image")
        try Self.run("truncate", "-s", "\(megabytes)M", image.string)
        let said = try Pipeline.output(of: Command("losetup", ["--find", "--show", image.string]))
        device = FilePath(String(decoding: said, as: UTF8.self).filter { !$0.isNewline })
        try Files.makeFolder(mountPoint, permissions: .init(rawValue: 0o755))
        let (disk, place) = (device.string, mountPoint.string)
        switch kind {
        case .blank: return
        case .ext4: try Self.run("mkfs.ext4", "-q", disk)
        case .btrfs: try Self.run("mkfs.btrfs", "-q", disk)
        case .xfs: try Self.run("mkfs.xfs", "-q", disk)
        case .exfat:
            try Self.run("mkfs.exfat", disk)
            try Self.run("mount.exfat-fuse", "-o", "allow_other", disk, place)
        case .ntfs:
            try Self.run("mkfs.ntfs", "-F", "-Q", disk)
            try Self.run("ntfs-3g", disk, place)
        }
        if ![.exfat, .ntfs].contains(kind) { try Self.run("mount", disk, place) }
        isMounted = true
    }

    /// What a person does before the disk is pulled out. Throws when something still uses it.
    func unmount() throws {
        try Self.run("umount", mountPoint.string)
        isMounted = false
    }

    deinit {
        if isMounted { try? unmount() }
        if isMounted { try? Self.run("umount", "--lazy", mountPoint.string) }
        try? Self.run("losetup", "--detach", device.string)
    }

    private static func run(_ program: String, _ arguments: String...) throws {
        _ = try Pipeline.output(of: Command(program, arguments))
    }
}
