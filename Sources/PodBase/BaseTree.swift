internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The tree that becomes a base: what every pod needs is put in where it lacks. Links in it are never followed: what
/// they name is the host's.
struct BaseTree {
    let root: FilePath

    init(_ root: FilePath) {
        self.root = root
    }

    /// The user for programs that need not be root.
    private static let user = "user"
    private static let userID: UInt32 = 1000
    /// Debian's group of the sound devices (base-passwd).
    private static let audioID = 29

    /// Where slirp4netns, in a pod that has a network, passes what is asked on to the host's resolver of the time.
    private static let resolver = "10.0.2.3"

    func complete() throws {
        for (folder, mode) in [("run", 0o755), ("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("tmp", 0o1777)] {
            try make(folder, mode: CModeT(mode))
        }
        try make("etc", mode: 0o755)
        try requireFolder("etc")
        try addUser()
        try write("etc/hosts", ifMissing: "127.0.0.1\tlocalhost\n::1\tlocalhost\n")
        // Whatever it was, it was another machine's. A pod's own is the same on every host.
        try put("nameserver \(Self.resolver)\n", at: "etc/resolv.conf")
    }

    /// What mmdebstrap copied from this host.
    func forgetHost() throws {
        try Files.remove(root.appending("etc/hostname"))
    }

    /// Writes a file that everybody may read, in folders that are made where they are missing.
    func put(_ text: String, at name: FilePath) throws {
        var folder = FilePath()
        for component in name.removingLastComponent().components {
            folder.append(component)
            try make(folder.string, mode: 0o755)
            try requireFolder(folder)
        }
        try Files.replace(root.pushing(name), with: Array(text.utf8))
    }

    /// Removes a file or a link, if it is there.
    func remove(_ name: FilePath) throws {
        var folder = FilePath()
        for component in name.removingLastComponent().components {
            folder.append(component)
            guard try Files.kind(of: root.pushing(folder)) != nil else { return }
            try requireFolder(folder)
        }
        try Files.remove(root.pushing(name))
    }

    private func requireFolder(_ name: FilePath) throws {
        guard try Files.kind(of: root.pushing(name)) == .folder else {
            throw Failure("the tree", "its /\(name) is not a folder")
        }
    }

    private func addUser() throws {
        var passwd = try lines("etc/passwd")
        // A tree that has its own first user keeps it.
        if passwd.contains(where: { $0.field(2) == "\(Self.userID)" || $0.field(0) == Self.user }) { return }
        let hasShadow = try Files.kind(of: root.appending("etc/shadow")) == .file
        // No password, wherever passwords are: nobody logs in.
        passwd.append(
            "\(Self.user):\(hasShadow ? "x" : "*"):\(Self.userID):\(Self.userID)"
                + ":MediaPod user:/home/\(Self.user):/bin/bash"
        )
        var group = try lines("etc/group")
        if !group.contains(where: { $0.field(2) == "\(Self.userID)" }) {
            group.append("\(Self.user):x:\(Self.userID):")
        }
        if let audio = group.firstIndex(where: { $0.field(0) == "audio" }) {
            let members = group[audio].field(3) ?? ""
            group[audio] += members.isEmpty ? Self.user : ",\(Self.user)"
        } else {
            group.append("audio:x:\(Self.audioID):\(Self.user)")
        }
        try replace("etc/passwd", passwd)
        try replace("etc/group", group)
        if hasShadow {
            try replace("etc/shadow", try lines("etc/shadow") + ["\(Self.user):!:19000:0:99999:7:::"])
        }
        try make("home", mode: 0o755)
        guard try Files.kind(of: root.appending("home")) == .folder else { return }
        try make("home/\(Self.user)", mode: 0o755)
        let home = root.appending("home/\(Self.user)").string
        try retrying { lchown(home, Self.userID, Self.userID) }
    }

    private func make(_ name: String, mode: CModeT) throws {
        let folder = root.appending(name)
        guard try Files.kind(of: folder) == nil else { return }
        try Files.makeFolder(folder, permissions: FilePermissions(rawValue: mode))
    }

    private func write(_ name: String, ifMissing text: String) throws {
        let file = root.appending(name)
        guard try Files.kind(of: file) == nil else { return }
        try Files.replace(file, with: Array(text.utf8))
    }

    private func lines(_ name: String) throws -> [String] {
        let file = root.appending(name)
        switch try Files.kind(of: file) {
        case nil: return []
        case .file: break
        default: throw Failure("the tree", "its /\(name) is not an ordinary file")
        }
        let text = String(decoding: try Files.read(file, limit: 16 << 20), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    /// The file keeps its mode and owner: Debian's `shadow` is not for everyone.
    private func replace(_ name: String, _ lines: [String]) throws {
        let file = root.appending(name)
        var old = stat()
        let mode = lstat(file.string, &old) == 0 ? old.st_mode & 0o7777 : 0o644
        let text = lines.joined(separator: "\n") + "\n"
        try Files.replace(file, with: Array(text.utf8), permissions: FilePermissions(rawValue: mode))
        try retrying { lchown(file.string, old.st_uid, old.st_gid) }
        try retrying { chmod(file.string, mode) }
    }
}

private typealias CModeT = mode_t

extension String {
    /// Of a line of `passwd` or `group`.
    fileprivate func field(_ index: Int) -> String? {
        let fields = split(separator: ":", omittingEmptySubsequences: false)
        return index < fields.count ? String(fields[index]) : nil
    }
}
