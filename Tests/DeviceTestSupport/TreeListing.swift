internal import DeviceStore
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// All that a program can see of a tree: a line for each name, sorted.
public enum TreeListing {
    /// - Parameter inodes: also which file it is, of all but folders: theirs depend on the mount.
    public static func lines(of place: FilePath, inodes: Bool) throws -> [String] {
        var lines: [String] = []
        try add(OpenFolder(place), path: "", inodes, &lines)
        return lines.sorted()
    }

    private static func add(
        _ folder: consuming OpenFolder, path: String, _ inodes: Bool, _ lines: inout [String]
    ) throws {
        lines.append(try line(path + "/", folder.status(), folder.descriptor, inodes: false))
        for name in try folder.names() {
            let place = "\(path)/\(name)"
            guard let status = try folder.status(of: name) else { throw Errno.noSuchFileOrDirectory }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: try add(folder.folder(name), path: place, inodes, &lines)
            case S_IFREG:
                let file = try folder.open(name, flags: O_RDONLY)
                lines.append(try line(place, status, file, inodes: inodes) + " \(try digest(of: file))")
            case S_IFLNK: lines.append("\(place) -> \(try folder.target(ofLink: name)) \(text(status, inodes))")
            default: lines.append("\(place) \(text(status, inodes)) \(status.st_rdev)")
            }
        }
    }

    private static func line(
        _ path: String, _ status: stat, _ file: borrowing OwnedDescriptor, inodes: Bool
    ) throws -> String {
        var line = "\(path) \(text(status, inodes))"
        for name in try file.attributes().sorted() where name.hasPrefix("user.") {
            line += " \(name)=\(try file.attribute(name) ?? [])"
        }
        return line
    }

    private static func text(_ status: stat, _ inodes: Bool) -> String {
        var text = "\(String(status.st_mode, radix: 8)) \(status.st_uid):\(status.st_gid)"
        text += " \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        // A folder's size is its file system's matter.
        if status.st_mode & S_IFMT != S_IFDIR { text += " \(status.st_size)" }
        return inodes ? text + " \(status.st_ino)" : text
    }

    private static func digest(of file: borrowing OwnedDescriptor) throws -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        var digest = StreamDigest()
        while case let count = try Files.read(file, into: buffer), count > 0 {
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return digest.hexadecimal
    }
}
