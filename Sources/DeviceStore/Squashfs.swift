internal import LinuxSystem
internal import SystemPackage

/// As much of a squashfs's superblock as tells whether all of it is there.
enum Squashfs {
    private static let magic: [UInt8] = Array("hsqs".utf8)
    private static let headerBytes = 96
    /// Of `bytes_used`, little endian (fs/squashfs/squashfs_fs.h).
    private static let sizeOffset = 40

    /// How long the file has to be; `nil` for what is no squashfs.
    static func bytes(of path: FilePath) throws(Errno) -> UInt64? {
        let file = try Files.openForReading(path)
        let header = UnsafeMutableRawBufferPointer.allocate(byteCount: headerBytes, alignment: 8)
        defer { header.deallocate() }
        guard try Files.read(file, into: header) == headerBytes, header.starts(with: magic) else { return nil }
        return UInt64(littleEndian: header.load(fromByteOffset: sizeOffset, as: UInt64.self))
    }
}
