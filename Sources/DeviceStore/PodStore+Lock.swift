internal import Glibc
public import LinuxSystem
public import SystemPackage

/// Who may change a pod on its device. Not the lock of a runtime folder, which another host does not see.
extension PodStore {
    /// Held by who has the pod's lock, or waits for it.
    private var wishFile: FilePath { folder.appending("wanted") }
    private var lockFile: FilePath { folder.appending("lock") }
    private var readersFile: FilePath { folder.appending("readers") }

    /// The pod's lock, for as long as a command changes the pod; `nil` on a device that nobody can write to. Whoever only
    /// tidies makes room. Throws with who has it when that takes longer than `milliseconds`.
    ///
    /// - Parameters:
    ///   - verb: what is being done, for those who wait.
    ///   - runtime: of this host.
    public func lock(to verb: String, runtime: FilePath, withinMilliseconds milliseconds: Int) throws -> FileLock? {
        let lock: FileLock?
        do throws(Errno) {
            lock = try takeLock(withinMilliseconds: milliseconds)
        } catch .readOnlyFileSystem {
            return nil
        } catch {
            throw Failure("lock", "pod \(name)", error)
        }
        guard let lock else {
            let holder = (try? Files.text(lockFile)) ?? ""
            throw Failure(
                verb, "pod \(name)", "another mediapod is at work on it" + (holder.isEmpty ? "" : ": \(holder)"),
                remedy: "try again when it is done")
        }
        lock.note("\(verb), on host \(ProcessTable.hostname), runtime \(runtime.string), process \(getpid())")
        return lock
    }

    private func takeLock(withinMilliseconds milliseconds: Int) throws(Errno) -> FileLock? {
        if let lock = try FileLock.take(lockFile, withinMilliseconds: 0) { return lock }
        let begin = MonotonicClock.nanoseconds
        guard milliseconds > 0, let wish = try FileLock.take(wishFile, withinMilliseconds: milliseconds) else {
            return nil
        }
        defer { withExtendedLifetime(wish) {} }
        let spent = Int((MonotonicClock.nanoseconds - begin) / 1_000_000)
        return try FileLock.take(lockFile, withinMilliseconds: max(milliseconds - spent, 0))
    }

    /// Whether somebody waits for the lock that the caller has.
    public func isLockWanted() -> Bool {
        do throws(Errno) {
            guard let free = try FileLock.take(ifFree: wishFile) else { return true }
            _ = consume free
            return false
        } catch {
            return true
        }
    }

    /// For who reads files of a pod that does not run: as long as it is held, no layer is merged or removed.
    public func lockForReading() throws -> FileLock? {
        do throws(Errno) { return try FileLock.takeShared(readersFile) } catch .readOnlyFileSystem {
            return nil
        } catch {
            throw Failure("lock", "the files of pod \(name)", error)
        }
    }

    /// For who merges and removes layers; `nil` while somebody reads.
    public func lockAgainstReaders() throws -> FileLock? {
        try attempt("lock", "the files of pod \(name)") { () throws(Errno) in try FileLock.take(ifFree: readersFile) }
    }
}
