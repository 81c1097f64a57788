internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Copies a layer's files out, as plain files of one user: what a pod gave itself of owners, set-user-id bits, devices and
/// attributes counts in the pod only.
final class LayerCopy: LayerVisitor {
    private var folder: OpenFolder
    private let uid: UInt32
    private let gid: UInt32
    private(set) var files = 0
    private(set) var skipped = 0
    private(set) var bytes: UInt64 = 0
    private(set) var deleted: [[UInt8]] = []

    init(to folder: consuming OpenFolder, uid: UInt32, gid: UInt32) {
        self.folder = folder
        self.uid = uid
        self.gid = gid
    }

    func found(_ change: LayerChange) {
        if change.kind == .deleted { deleted.append(change.path) }
    }

    func enter(_ name: FileName) throws {
        try folder.makeFolder(name)
        folder = try folder.folder(name)
    }

    func leave(_ status: stat) throws {
        try finish(folder.descriptor, status)
        folder = try folder.parent()
    }

    func file(_ name: FileName, in source: borrowing OpenFolder, _ status: stat) throws {
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            let input = try source.open(name, flags: O_RDONLY | O_NONBLOCK)
            let output = try folder.open(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try copy(input, to: output, size: status.st_size)
            try finish(output, status)
            bytes += UInt64(clamping: status.st_size)
        case S_IFLNK:
            try folder.makeLink(name, to: source.target(ofLink: name), uid: uid, gid: gid)
        default:
            skipped += 1
            return
        }
        files += 1
    }

    /// Holes stay holes: a pod may have made a file far larger than any disk.
    private func copy(_ source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, size: off_t)
        throws(Errno)
    {
        let (input, output) = (source.number, target.number)
        try retrying { ftruncate(output, size) }
        var end: off_t = 0
        while true {
            let start = lseek(input, end, Self.seekData)
            if start < 0 { break }
            end = lseek(input, start, Self.seekHole)
            guard end > start, lseek(input, start, SEEK_SET) == start, lseek(output, start, SEEK_SET) == start else {
                throw Errno.ioError
            }
            try copy(source, to: target, count: UInt64(end - start))
        }
    }

    /// SEEK_DATA and SEEK_HOLE, which Swift does not see.
    private static let seekData: Int32 = 3
    private static let seekHole: Int32 = 4

    private func copy(
        _ source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, count: UInt64
    ) throws(Errno) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var left = count
        while left > 0 {
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, UInt64(buffer.count)))])
            let got = try Files.read(source, into: part)
            if got == 0 { return }
            try Files.writeAll(target, UnsafeRawBufferPointer(rebasing: part[..<got]))
            left -= UInt64(got)
        }
    }

    private func finish(_ file: borrowing OwnedDescriptor, _ status: stat) throws(Errno) {
        let (number, uid, gid) = (file.number, uid, gid)
        try retrying { fchown(number, uid, gid) }
        try retrying { fchmod(number, status.st_mode & 0o777) }
        let times = [status.st_atim, status.st_mtim]
        try retrying { futimens(number, times) }
    }

    /// One line for one path, whatever is in it: as C writes a string.
    static func line(_ path: [UInt8]) -> String {
        var text: [UInt8] = []
        for byte in path {
            switch byte {
            case UInt8(ascii: "\\"): text += Array("\\\\".utf8)
            case 0x20..<0x7f, 0x80...: text.append(byte)
            default:
                text += Array("\\x".utf8) + Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8)
            }
        }
        return String(decoding: text, as: UTF8.self) + "\n"
    }
}
