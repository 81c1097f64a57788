internal import LinuxSystem
public import SystemPackage

extension PodStore {
    var sessionsFolder: FilePath { folder.appending("sessions") }
    var currentFile: FilePath { folder.appending("current") }

    public func sessionFolder(_ number: Int) -> FilePath {
        sessionsFolder.appending(String(number))
    }

    /// A session's stream.
    public func stateFile(ofSession number: Int) -> FilePath {
        sessionFolder(number).appending("state")
    }

    /// Numbers of the sessions that lie whole on the device, ascending; the current one is among them.
    public func sessions() throws -> [Int] {
        try attempt("read", "the sessions of pod \(name)") { () throws(Errno) in try Files.list(sessionsFolder) }
            .compactMap(StoreNumber.parse).sorted()
    }

    /// The number of the session that resumes; `nil` when there is none.
    public func currentSessionNumber() throws -> Int? {
        let bytes: [UInt8]
        do throws(Errno) {
            guard let kind = try Files.kind(of: currentFile) else { return nil }
            guard kind == .file else { throw .invalidArgument }
            bytes = try Files.read(currentFile, limit: 64)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw Failure(
                "pod \(name)", "its file \"current\" is not readable: \(Failure.text(of: error))", cause: error)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("\n"), let number = StoreNumber.parse(String(text.dropLast())) else {
            throw Failure("pod \(name)", "its file \"current\" is damaged: it names no session")
        }
        return number
    }

    /// The session that resumes; `nil` when there is none. Throws for a damaged one and one of a newer format.
    public func currentSession() throws -> SessionManifest? {
        try currentSessionNumber().map(manifest(ofSession:))
    }

    /// A session that is kept; throws "pod x has no session 9; there are: 3, 4".
    public func session(_ number: Int) throws -> SessionManifest {
        let all = try sessions()
        guard all.contains(number) else { throw noSession(number, all) }
        return try manifest(ofSession: number)
    }

    public func manifest(ofSession number: Int) throws -> SessionManifest {
        let subject = "session \(number) of pod \(name)"
        switch try attempt("open", subject, { () throws(Errno) in try Files.kind(of: sessionFolder(number)) }) {
        case .folder: break
        case nil: throw Failure(subject, "its folder is missing")
        default: throw Failure(subject, "its folder is none")
        }
        // A FIFO would hold up whoever opens it.
        let state = try attempt("open", subject) { () throws(Errno) in try Files.kind(of: stateFile(ofSession: number))
        }
        guard state == nil || state == .file else { throw Failure(subject, "state is no ordinary file") }
        let file = sessionFolder(number).appending("manifest.json")
        var manifest = try DocumentFile.read(SessionManifest.self, file, name: subject)
        // Of the file, not of the session.
        manifest.checksum = nil
        guard manifest.number == number else {
            throw Failure(subject, "manifest.json is that of session \(manifest.number)")
        }
        return manifest
    }

    /// After a clean end: nothing resumes by itself any more. The session stays among those that are kept.
    public func endSession() throws {
        try attempt("end", "the session of pod \(name)") { () throws(Errno) in
            try Files.remove(currentFile)
            try Files.syncFolder(folder)
        }
    }

    /// Makes a kept session the one that resumes.
    public func setCurrentSession(_ number: Int) throws {
        _ = try session(number)
        try attempt("go back to", "session \(number) of pod \(name)") { () throws(Errno) in
            try Files.replace(currentFile, with: Array("\(number)\n".utf8))
        }
    }

    /// Puts which session resumes on the device, for who found it in the kernel's memory.
    public func syncCurrentSession() throws {
        try attempt("write", "the session of pod \(name)") { () throws(Errno) in try Files.syncFolder(folder) }
    }

    /// Begins a session beside the current one, which stays what it is until the new one's `commit`.
    ///
    /// What earlier writers that were killed left behind is removed first; the caller holds the pod's lock.
    public func beginSession() throws -> SessionWriter {
        let current = try currentSessionNumber()
        try removePartialSessions()
        return try SessionWriter(
            pod: self, number: max(try sessions().last ?? 0, current ?? 0, try highestSession()) + 1)
    }

    /// Takes back a session that has its name but is not the current one, because what it was suspended from is about to
    /// go on, and to write into the layer that the session would have. Lasts when this returns.
    public func removeUncommitted(session number: Int) throws {
        guard try currentSessionNumber() != number, try sessions().contains(number) else { return }
        try removeSessions { $0 != number }
    }

    /// Removes all sessions but those to keep.
    func removeSessions(except keep: (Int) -> Bool) throws {
        for number in try sessions() where !keep(number) {
            // No longer a session's name before the first file goes.
            let gone = sessionsFolder.appending(".\(number).removed.partial")
            try Files.removeTree(gone)
            try attempt("remove", "session \(number) of pod \(name)") { () throws(Errno) in
                try Files.move(sessionFolder(number), to: gone)
                try Files.syncFolder(sessionsFolder)
            }
            try Files.removeTree(gone)
        }
    }

    func removePartialSessions() throws {
        let names = try attempt("read", "the sessions of pod \(name)") { () throws(Errno) in
            try Files.list(sessionsFolder)
        }
        for name in names where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try Files.removeTree(sessionsFolder.appending(name))
        }
    }
}
