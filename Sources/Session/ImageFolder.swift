internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// CRIU's images on this host, in a tmpfs of their own: they are there only while a session is suspended or resumed. While
/// it runs, `blocks` is there, what its next suspend compares with.
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
    var blocks: FilePath { folder.images.appending("blocks") }
    var dumpLog: FilePath { work.appending("dump.log") }
    var restoreLog: FilePath { work.appending("restore.log") }

    func mount() throws(Failure) {
        do {
            if try Files.kind(of: blocks) == nil {
                try Files.ensureFolder(folder.images, mode: 0o700)
                // Half the memory is tmpfs's default, and a pod may be larger: the kernel's own limits hold.
                try Mounts.tmpfs(at: folder.images, options: "mode=0700,size=100%")
            }
            try Files.ensureFolder(dump, mode: 0o755)
            try Files.ensureFolder(work, mode: 0o700)
        } catch let problem as Mounts.Problem {
            throw Failure("mount", folder.images.string, "\(problem)", cause: problem.error)
        } catch let error as Errno {
            throw Failure("make", folder.images.string, error)
        } catch {
            throw Failure("make", folder.images.string, "\(error)")
        }
    }

    /// The images go, `blocks` stays.
    func clear() {
        if (try? Files.kind(of: blocks)) == .file {
            for folder in [dump, work] { try? Files.removeTree(folder) }
        } else {
            unmount()
        }
    }

    private func unmount() {
        try? Mounts.detach(folder.images)
        rmdir(folder.images.string)
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
