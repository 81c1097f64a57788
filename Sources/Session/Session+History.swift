public import DeviceStore
public import FoundationEssentials
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// A suspended session that is kept.
public struct KeptSession: Codable, Sendable {
    public var number: Int
    /// Whether it is the one that resumes.
    public var isCurrent: Bool
    public var createdAt: Date
    public var hostname: String
    /// The one it went on from; `nil` for the first, or when nobody knows any more.
    public var parent: Int?
    /// Those whose memory its own is told by.
    public var requires: [Int]
    /// Bytes of its memory, and of what they take up on the device.
    public var imageBytes: UInt64
    public var streamBytes: UInt64
    /// Bytes of the files that were written since the session that it went on from, as long as they are told apart.
    public var layerBytes: UInt64

    enum CodingKeys: String, CodingKey {
        case number = "session"
        case isCurrent = "current"
        case createdAt = "created_at"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
        case layerBytes = "layer_bytes"
        case hostname, parent, requires
    }
}

extension Session {
    /// The sessions that are kept, oldest first.
    public func history() throws -> [KeptSession] {
        let current = try store.currentSessionNumber()
        return try store.sessions().map { number in
            let manifest = try store.manifest(ofSession: number)
            let top = try store.presentLayers(of: manifest.layers).last
            return KeptSession(
                number: number, isCurrent: number == current, createdAt: manifest.createdAt,
                hostname: manifest.hostname, parent: try top.flatMap { try store.sessionBelow(layer: $0) },
                requires: try store.requiredSessions(of: number), imageBytes: manifest.imageBytes,
                streamBytes: manifest.streamBytes, layerBytes: try top.map(store.bytes) ?? 0)
        }
    }

    /// Makes another pod of a session that is kept, the current one when none is named. This one stays as it is, and may
    /// run meanwhile.
    public func branch(at number: Int?, named name: String) throws -> Session {
        let lock = try store.lock(to: "branch", runtime: runtime.path, withinMilliseconds: PodRuntime.patience)
        defer { withExtendedLifetime(lock) {} }
        guard let number = try number ?? store.currentSessionNumber() else {
            throw Failure("branch", "pod \(store.name)", "it has no suspended session")
        }
        return Session(store: try store.branch(session: number, named: name), runtime: runtime)
    }

    /// Puts in order what sessions left on the device: see `PodStore.tidy`. For the time after a suspend, when all is safe.
    /// It ends by itself when somebody else wants the pod; what it has not done is left to the next one.
    ///
    /// - Parameter isInterrupted: whether the user has waited long enough.
    public func tidy(isInterrupted: @escaping () -> Bool) -> TidyReport? {
        var calls = 0
        return try? tidying(to: "tidy", patience: 0) { isMounted in
            try store.tidy(keep: store.configuration().keptSessions, isMounted: isMounted) {
                calls += 1
                // It costs more than most steps.
                if isInterrupted() || calls % 16 == 0 && store.isLockWanted() { throw PodStore.Enough() }
            }
        }
    }

    /// The same for a person who asks for it, and waits.
    ///
    /// - Parameters:
    ///   - keep: from now on the pod's.
    ///   - first: what is to be done before.
    public func prune(keep: Int?, _ first: () throws -> Void = {}) throws -> TidyReport {
        // A pod whose end nobody has recorded yet still counts as running.
        _ = try status()
        return try tidying(to: "prune", patience: PodRuntime.patience) { isMounted in
            try first()
            if let keep { try store.setKeep(keep) }
            return try store.tidy(keep: store.configuration().keptSessions, isMounted: isMounted)
        }
    }

    /// Removes kept sessions, and what only they needed.
    public func remove(sessions: [Int]) throws -> TidyReport {
        let before = try store.device.freeBytes()
        var report = try prune(keep: nil) {
            for session in sessions { try store.removeSession(session) }
        }
        report.sessions = sessions + report.sessions
        let now = try store.device.freeBytes()
        report.freedBytes = now > before ? now - before : 0
        return report
    }

    private func tidying(
        to verb: String, patience: Int, _ work: (_ isMounted: Bool) throws -> TidyReport
    ) throws -> TidyReport {
        let lock = try store.lock(to: verb, runtime: runtime.path, withinMilliseconds: patience)
        guard lock != nil else {
            throw Failure("pod \(store.name)", "the device is read-only", remedy: "mount it writable")
        }
        defer { withExtendedLifetime(lock) {} }
        guard let readers = try store.lockAgainstReaders() else {
            throw Failure("pod \(store.name)", "somebody is reading its files", remedy: "try again when that is done")
        }
        defer { withExtendedLifetime(readers) {} }
        return try work(try store.isOwned())
    }
}
