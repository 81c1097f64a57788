internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The mounts through which a host sees devices that are no plain folders: `devices/<name>/` in its runtime folder, there
/// as long as a process of the engine uses it.
///
/// Each process that does holds a shared lock until it ends; the last one to end unmounts. A process that was killed
/// leaves that to the next. `devices/` itself is the lock under which mounts come and go.
enum DeviceMounts {
    /// Where it is mounted, and the descriptor that holds the lock on it.
    private struct Held {
        var place: FilePath
        var folder: FilePath
        var lock: Int32
    }

    private static let held = Mutex<[Held]>([])
    /// Once in a process: at its end, however it comes about.
    private static let releaseAtExit: Void = { atexit { DeviceMounts.releaseAll() } }()

    /// The place of a mount, made if it is not there.
    ///
    /// - Parameter mount: mounts at the place it is given.
    static func hold(_ name: String, in runtime: FilePath, mount: (FilePath) throws -> Void) throws -> FilePath {
        let folder = runtime.appending("devices")
        let place = folder.appending(name)
        if held.withLock({ $0.contains { $0.place == place } }) { return place }
        let gate = try enter(folder)
        let lock = try attempt("lock", place.string) { () throws(Errno) in try FileLock.share(lockFile(of: place)) }
        do {
            if MountTable.source(at: place) == nil {
                try attempt("make", place.string) { () throws(Errno) in try Files.ensureFolder(place, mode: 0o755) }
                try mount(place)
            }
        } catch {
            rmdir(place.string)
            unlink(lockFile(of: place).string)
            throw error
        }
        let mount = Held(place: place, folder: folder, lock: lock.release())
        held.withLock { $0.append(mount) }
        _ = releaseAtExit
        _ = consume gate
        return place
    }

    private static func lockFile(of place: FilePath) -> FilePath {
        place.removingLastComponent().appending(".\(place.lastComponent?.string ?? "").lock")
    }

    /// The lock on the folder, which is made; the one who unmounts the last device removes it.
    private static func enter(_ folder: FilePath) throws(Failure) -> FileLock {
        try attempt("make", folder.string) { () throws(Errno) in
            while true {
                try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
                do throws(Errno) {
                    let lock = try FileLock.take(folder)
                    if lock.isAt(folder) { return lock }
                } catch .noSuchFileOrDirectory {
                    continue
                }
            }
        }
    }

    /// How long what a pod held may take to go after its end, ms: the kernel takes mount namespaces apart in its own time.
    private static let patience = 500

    /// Ends this process's use of one mount.
    static func release(_ name: String, in runtime: FilePath) {
        let place = runtime.appending("devices").appending(name)
        let mount = held.withLock { held in
            held.firstIndex { $0.place == place }.map { held.remove(at: $0) }
        }
        if let mount { release(mount) }
    }

    /// Of all; called at the process's end, last mounted first.
    private static func releaseAll() {
        let mounts = held.withLock { held in
            defer { held = [] }
            return held
        }
        for mount in mounts.reversed() { release(mount) }
    }

    private static func release(_ mount: Held) {
        defer { close(mount.lock) }
        guard let gate = try? enter(mount.folder) else { return }
        // Whoever else uses it has it shared, and a pod that runs keeps it busy.
        if FileLock.makeExclusive(mount.lock),
            Wait.until(milliseconds: patience, { (try? Mounts.release(mount.place)) == true })
        {
            rmdir(mount.place.string)
            unlink(lockFile(of: mount.place).string)
            rmdir(mount.folder.string)
        }
        _ = consume gate
    }
}
