internal import CLinux
internal import Glibc
package import LinuxSystem
internal import SystemPackage

/// The names of a pod's files and folders of which only the number is known: of what its programs watch by inotify(7), say.
/// The kernel tells nobody; they have to be looked for.
package struct InodeNames {
    /// One of the pod's root file system.
    package struct Inode: Hashable, Sendable {
        package var device: UInt32
        package var number: UInt64

        package init(device: UInt32, number: UInt64) {
            self.device = device
            self.number = number
        }

        init(_ status: stat) {
            self.init(device: InodeNames.kernelNumber(status.st_dev), number: UInt64(status.st_ino))
        }
    }

    /// How much of a pod is looked at, in names: what a pod holds is its own, and it may hold as much as it likes.
    private static let limit = 4_000_000
    /// How deep folders may lie in folders.
    private static let depthLimit = 200

    private var missing: Set<Inode>
    package private(set) var found: [Inode: String] = [:]
    private var left = limit

    /// Looks for them in the pod's root file system, and in nothing that is mounted in it: of a tmpfs CRIU knows the names.
    package init(of inodes: Set<Inode>, in process: ProcessIdentity) throws {
        missing = inodes
        guard !inodes.isEmpty else { return }
        let root = try attempt("open", "the pod's files") { () throws(Errno) in
            OwnedDescriptor(adopting: try check(csys_open_folder("/proc/\(process.pid)/root")))
        }
        guard process.isAlive, let device = Self.device(of: root.number) else {
            throw Failure("the pod's first process", "has ended")
        }
        missing = missing.filter { $0.device == device }
        look(at: ".", in: root.number)
        // Where people and programs keep what they watch comes first.
        let first = ["root", "home", "etc", "run", "tmp", "var", "opt", "srv", "usr"]
        let others = Self.names(in: root.number).map(\.name).filter { !first.contains($0) }
        for name in first + others { search(name, "/" + name, in: root.number, device, Self.depthLimit) }
    }

    /// The name by which CRIU looks: from "/" on.
    private mutating func look(at name: String, in folder: Int32, as path: String = "/.") {
        var status = stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        let inode = Inode(status)
        if missing.remove(inode) != nil { found[inode] = path }
    }

    private mutating func search(_ name: String, _ path: String, in folder: Int32, _ device: UInt32, _ depth: Int) {
        guard !missing.isEmpty, left > 0, depth > 0, path.utf8.count < 4000 else { return }
        look(at: name, in: folder, as: path)
        let number = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return }
        let opened = OwnedDescriptor(adopting: number)
        guard Self.device(of: opened.number) == device else { return }
        var folders: [String] = []
        for entry in Self.names(in: opened.number) {
            left -= 1
            if entry.isFolder {
                folders.append(entry.name)
            } else if missing.contains(Inode(device: device, number: entry.number)) {
                // What a folder tells of its entries is also what they tell of themselves (overlayfs with xino).
                look(at: entry.name, in: opened.number, as: "\(path)/\(entry.name)")
            }
            if missing.isEmpty || left <= 0 { return }
        }
        for name in folders { search(name, "\(path)/\(name)", in: opened.number, device, depth - 1) }
    }

    private static func device(of descriptor: Int32) -> UInt32? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? kernelNumber(status.st_dev) : nil
    }

    /// The kernel's own form of a device's number (MKDEV), which fdinfo shows and CRIU compares.
    private static func kernelNumber(_ device: dev_t) -> UInt32 {
        // makedev(3), as glibc lays it out.
        let major = device >> 8 & 0xfff
        let minor = device & 0xff | device >> 12 & 0xfff00
        return UInt32(truncatingIfNeeded: major << 20 | minor)
    }

    private struct Entry {
        var name: String
        var number: UInt64
        var isFolder: Bool
    }

    private static func names(in folder: Int32) -> [Entry] {
        // One of its own, so that the place in it is, too.
        let number = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { return [] }
        guard let stream = fdopendir(number) else {
            close(number)
            return []
        }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while let entry = readdir(stream), entries.count < limit {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let kind = Int(entry.pointee.d_type)
            entries.append(
                Entry(
                    name: name, number: UInt64(entry.pointee.d_ino),
                    isFolder: kind == DT_DIR || kind == DT_UNKNOWN))
        }
        return entries
    }
}
