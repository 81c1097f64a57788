internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// CRIU's images on this host, in a tmpfs of their own: they are there only while a session is suspended or resumed. In
/// another one lies, while the session runs, what its next suspend compares with.
///
/// CRIU opens the images as the pod's root, so `dump` can be read by all; nobody but root gets through the tmpfs's own
/// root folder.
struct ImageFolder {
    let folder: PodFolder

    var dump: FilePath { folder.images.appending("dump") }
    /// CRIU's logs.
    var work: FilePath { folder.images.appending("work") }
    var forCriu: Criu.Folders { Criu.Folders(images: dump, work: work) }
    /// The member of that name of the full session that this one was resumed from; not there when there is none.
    var blocks: FilePath { folder.blocks.appending("blocks") }
    var dumpLog: FilePath { work.appending("dump.log") }
    var restoreLog: FilePath { work.appending("restore.log") }

    func mount() throws(Failure) {
        try Self.mount(folder.images)
        for (path, mode) in [(dump, 0o755), (work, 0o700)] as [(FilePath, UInt32)] {
            try attempt("make", path.string) { () throws(Errno) in try Files.ensureFolder(path, mode: mode) }
        }
    }

    /// A place for `blocks`.
    func mountBlocks() throws(Failure) { try Self.mount(folder.blocks) }

    func unmount() { Self.unmount(folder.images) }

    func unmountBlocks() { Self.unmount(folder.blocks) }

    private static func mount(_ path: FilePath) throws(Failure) {
        do {
            try Files.ensureFolder(path, mode: 0o700)
            // Half the memory is tmpfs's default, and a pod may be larger: the kernel's own limits hold.
            try Mounts.tmpfs(at: path, options: "mode=0700,size=100%")
        } catch let problem as Mounts.Problem {
            throw Failure("mount", path.string, "\(problem)", cause: problem.error)
        } catch let error as Errno {
            throw Failure("make", path.string, error)
        } catch {
            throw Failure("make", path.string, "\(error)")
        }
    }

    private static func unmount(_ path: FilePath) {
        try? Mounts.detach(path)
        rmdir(path.string)
    }

    static let keptLogs = ["dump.log", "restore.log"]

    /// Of failures that are over.
    func removeKeptLogs() {
        for name in Self.keptLogs { try? Files.remove(keptLog(name)) }
    }

    private func keptLog(_ name: String) -> FilePath { folder.runtime.path.appending("\(folder.name)-\(name)") }

    /// Keeps a log that tells of a failure where it outlives the images; gives its place.
    func keep(_ log: FilePath, as name: String) -> FilePath? {
        guard let bytes = try? Files.read(log, limit: 64 << 20) else { return nil }
        let place = keptLog(name)
        return (try? Files.swap(place, with: bytes, mode: 0o600)) == nil ? nil : place
    }
}
