internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Files that are open under a name that is gone, and have another one. CRIU gives each a name for the time of the move
/// (`link_remap.N`, beside the former one), and removes these when its dump is done and the processes are to live on, for
/// all that it knows. They have to be there when the session is restored, which then removes them for good.
///
/// What lies in a tmpfs of the pod's is dumped with the names.
struct LinkedFiles {
    /// The names that CRIU gave, from the pod's root on.
    private let names: [FilePath]
    private let process: ProcessIdentity

    /// `link_remap.N` and `link_remap.N` + this: the same file.
    private static let suffix = ".mediapod"

    var isEmpty: Bool { names.isEmpty }

    /// Finds the names in the images.
    init(in images: CriuImages, of process: ProcessIdentity) throws {
        let (name, prefix) = (6, "link_remap.")
        let remaps = try images.read(CriuImages.remaps)?.entries ?? []
        let linked = CriuImages.Remap.linked
        let ids = Set(
            remaps.filter { ($0.number(CriuImages.Remap.kind) ?? linked) == linked }
                .compactMap { $0.number(CriuImages.Remap.target) })
        self.process = process
        guard !ids.isEmpty else {
            names = []
            return
        }
        names = (try images.read(CriuImages.files)?.entries ?? []).compactMap { entry in
            guard let id = entry.number(CriuImages.FileEntry.id), ids.contains(id),
                let path = entry.message(CriuImages.FileEntry.regular)?.text(name).map({ FilePath($0) }),
                path.lastComponent?.string.hasPrefix(prefix) == true
            else { return nil }
            return path
        }
    }

    /// Gives each another name, which CRIU does not know. While CRIU waits at the end of its dump.
    func keep() throws {
        try change { folder, name throws(Errno) in
            // Of an engine that was killed.
            unlinkat(folder, name + Self.suffix, 0)
            try retrying { linkat(folder, name, folder, name + Self.suffix, 0) }
        }
    }

    /// Gives them back the names by which the restore knows them. When CRIU's dump is done.
    func putBack() throws {
        try change { folder, name throws(Errno) in
            try retrying { renameat(folder, name + Self.suffix, folder, name) }
        }
    }

    /// Of a dump that came to nothing: what is there of them goes.
    func remove() {
        try? change { folder, name throws(Errno) in
            unlinkat(folder, name, 0)
            unlinkat(folder, name + Self.suffix, 0)
        }
    }

    private func change(_ body: (Int32, String) throws(Errno) -> Void) throws {
        guard !names.isEmpty else { return }
        let root = try attempt("open", "the pod's files") { () throws(Errno) in
            try RootedFolder(FilePath("/proc/\(process.pid)/root"))
        }
        guard process.isAlive else { throw Failure("the pod's first process", "has ended") }
        for path in names {
            guard let name = path.lastComponent?.string else { continue }
            try attempt("keep", "the open file \(path.string) of the pod") { () throws(Errno) in
                let top = try root.open("/", flags: O_RDONLY | O_DIRECTORY)
                let folder = try root.open(
                    path.removingLastComponent(), flags: O_RDONLY | O_DIRECTORY, links: .refused)
                // A tmpfs is dumped with the names in it.
                if try Self.device(of: folder) == Self.device(of: top) { try body(folder.number, name) }
            }
        }
    }
    private static func device(of folder: borrowing OwnedDescriptor) throws(Errno) -> dev_t {
        var status = stat()
        try retrying { fstat(folder.number, &status) }
        return status.st_dev
    }
}
