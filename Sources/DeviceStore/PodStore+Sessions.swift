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
            .compactMap { Int($0) }.sorted()
    }

    /// The number of the session that resumes; `nil` when there is none.
    public func currentSessionNumber() throws -> Int? {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(currentFile, limit: 64)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw Failure(
                "pod \(name)", "its file \"current\" is not readable: \(Failure.text(of: error))", cause: error)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("\n"), let number = Int(text.dropLast()), number > 0 else {
            throw Failure("pod \(name)", "its file \"current\" is damaged: it names no session")
        }
        return number
    }

    /// The session that resumes; `nil` when there is none. Throws for a damaged one and one of a newer format.
    public func currentSession() throws -> SessionManifest? {
        try currentSessionNumber().map(manifest(ofSession:))
    }

    public func manifest(ofSession number: Int) throws -> SessionManifest {
        let subject = "session \(number) of pod \(name)"
        guard Files.isFolder(sessionFolder(number)) else { throw Failure(subject, "its folder is missing") }
        let file = sessionFolder(number).appending("manifest.json")
        var manifest = try DocumentFile.read(SessionManifest.self, file, name: subject)
        // Of the file, not of the session.
        manifest.checksum = nil
        guard manifest.number == number else {
            throw Failure(subject, "manifest.json is that of session \(manifest.number)")
        }
        return manifest
    }

    /// After a clean end: nothing resumes any more, what the sessions took up is free again.
    public func discardSession() throws {
        try attempt("discard", "the session of pod \(name)") { () throws(Errno) in
            try Files.remove(currentFile)
            // Before any folder goes: `current` must never name a session that is half gone.
            try Files.syncFolder(folder)
        }
        try removeSessions { _ in false }
    }

    /// Begins a session beside the current one, which stays what it is until the new one's `commit`.
    ///
    /// What earlier writers that were killed left behind is removed first; the caller holds the pod's lock.
    public func beginSession() throws -> SessionWriter {
        let current = try currentSessionNumber()
        try removePartialSessions()
        return try SessionWriter(pod: self, number: max(try sessions().last ?? 0, current ?? 0) + 1)
    }

    /// Removes all sessions but those to keep.
    func removeSessions(except keep: (Int) -> Bool) throws {
        for number in try sessions() where !keep(number) {
            // No longer a session's name before the first file goes.
            let gone = sessionsFolder.appending(".\(number).removed.partial")
            try attempt("remove", "session \(number) of pod \(name)") { () throws(Errno) in
                try Files.move(sessionFolder(number), to: gone)
            }
            try Files.removeTree(gone)
        }
    }

    private func removePartialSessions() throws {
        let names = try attempt("read", "the sessions of pod \(name)") { () throws(Errno) in
            try Files.list(sessionsFolder)
        }
        for name in names where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try Files.removeTree(sessionsFolder.appending(name))
        }
    }
}
