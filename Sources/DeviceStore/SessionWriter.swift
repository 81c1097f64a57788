internal import Glibc
internal import LinuxSystem
internal import Synchronization
public import SystemPackage

/// A session while it is written, in `sessions/.<n>.partial`. Goes without a trace when it is not committed.
public final class SessionWriter: Sendable {
    public let pod: PodStore
    public let number: Int
    /// What the stream is written to; there, and empty, from the beginning.
    public var stateFile: FilePath { folder.appending("state") }

    private let folder: FilePath
    private let ended = Mutex(false)

    /// What a commit has done so far; each is on the device before the next begins.
    package enum Step: Sendable, CaseIterable {
        case began, stateSynced, manifestWritten, folderSynced, folderNamed, currentReplaced
    }

    init(pod: PodStore, number: Int) throws(Failure) {
        self.pod = pod
        self.number = number
        folder = pod.sessionsFolder.appending(".\(number).partial")
        try attempt("begin", "session \(number) of pod \(pod.name)") { [folder] () throws(Errno) in
            try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
            try Files.write(folder.appending("state"), [], permissions: .ownerReadWrite)
        }
    }

    deinit {
        abandon()
    }

    /// Removes what was written. Without effect after a commit.
    public func abandon() {
        let first = ended.withLock { ended in
            defer { ended = true }
            return !ended
        }
        if first { try? Files.removeTree(folder) }
    }

    /// Makes the session the one that resumes. When this returns, it is on the device and survives a loss of power;
    /// when it throws, the session before is still the current one and nothing is left of this. No other session goes:
    /// see `PodStore.tidy`.
    public func commit(_ manifest: SessionManifest) throws {
        try commit(manifest) { _ in }
    }

    package func commit(_ manifest: SessionManifest, after: (Step) throws -> Void) throws {
        precondition(manifest.number == number)
        let bytes = try manifest.encoded()
        let previous = try pod.currentSessionNumber()
        do {
            try after(.began)
            try Files.sync(stateFile)
            try after(.stateSynced)
            try Files.write(folder.appending("manifest.json"), bytes, permissions: .ownerReadWrite)
            try after(.manifestWritten)
            try Files.syncFolder(folder)
            try after(.folderSynced)
            try Files.moveNew(folder, to: pod.sessionFolder(number))
            try Files.syncFolder(pod.sessionsFolder)
            try after(.folderNamed)
            try Files.replace(pod.currentFile, with: Array("\(number)\n".utf8))
            try after(.currentReplaced)
        } catch {
            undo(to: previous)
            guard let error = error as? Errno else { throw error }
            throw Failure.writing("session \(number) of pod \(pod.name)", on: pod.device, error)
        }
        ended.withLock { $0 = true }
    }

    /// The rename of `current` may have happened and its sync failed: the caller goes on with the session running, so
    /// nobody may resume this one.
    private func undo(to previous: Int?) {
        if (try? pod.currentSessionNumber()) == number {
            if let previous {
                try? Files.replace(pod.currentFile, with: Array("\(previous)\n".utf8))
            } else {
                try? Files.remove(pod.currentFile)
                try? Files.syncFolder(pod.folder)
            }
        }
        // Of a session that could not be taken back nothing is removed: `current` never names half of one.
        try? pod.removeUncommitted(session: number)
        abandon()
    }
}
