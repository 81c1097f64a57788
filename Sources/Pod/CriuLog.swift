internal import LinuxSystem
public import SystemPackage

/// CRIU's log of one dump or restore.
public enum CriuLog {
    /// Longest part of the log that is looked at, from its end.
    private static let limit = 64 << 20

    /// Why it failed, in CRIU's own words: its last errors, oldest first, without the ones that only pass on that
    /// something failed. `nil` when it tells nothing.
    public static func reason(in log: FilePath) -> String? {
        guard let bytes = try? Files.read(log, limit: limit) else { return nil }
        return reason(in: String(decoding: bytes, as: UTF8.self))
    }

    package static func reason(in log: String) -> String? {
        // What CRIU says on every host where it may not raise its own limit is never the reason.
        let errors = errors(in: log).filter { text in !Self.harmless.contains { text.hasPrefix($0) } }
        let telling = errors.filter { text in !passedOn.contains { text.hasPrefix($0) } && process(in: text) == nil }
        let chosen = (telling.isEmpty ? errors : telling).suffix(2)
        return chosen.isEmpty ? nil : chosen.joined(separator: "; ")
    }

    /// The process that could not be dumped, by the host's number; `nil` when it is not told, or not one's alone.
    public static func process(in log: FilePath) -> Int32? {
        guard let bytes = try? Files.read(log, limit: limit) else { return nil }
        return errors(in: String(decoding: bytes, as: UTF8.self)).compactMap { process(in: $0) }.last
    }

    /// "Dump files (pid: 42) failed with -1": passes on that something failed, and whose.
    package static func process(in message: String) -> Int32? {
        guard let start = message.range(of: "(pid: ") else { return nil }
        return Int32(message[start.upperBound...].prefix { $0.isNumber })
    }

    private static func errors(in log: String) -> [String] {
        log.split(separator: "\n").compactMap { message(of: $0) }
    }

    /// What CRIU's words mean to who reads them, as what a process does: "has a pipe in packet mode (O_DIRECT)". `nil` for
    /// those that are not known.
    public static func explanation(of reason: String) -> String? {
        explanations.first { reason.contains($0.words) }?.meaning
    }

    private static let explanations: [(words: String, meaning: String)] = [
        ("packetized mode for pipes", "has a pipe in packet mode (O_DIRECT)"),
        ("Control messages in queue", "has something unread in a socket that tells who has sent it (SO_PASSCRED)"),
        ("Can't dump that handle", "watches a file that has no name any more (inotify)"),
        ("queue on an in-flight socket", "has written to a server that has not accepted its connection"),
        ("closed in-flight socket", "has closed a connection that its server has not accepted"),
        ("The socket has data to read", "has something unread in a netlink socket"),
        ("half of stream unix connection", "is connected by a unix socket to a program outside of the pod"),
        ("External socket is used", "is connected by a unix socket to a program outside of the pod"),
        ("Can't lookup mount=", "has a file open whose file system is not mounted in the pod"),
    ]

    /// "(00.036121)      6: Error (criu/files.c:123): Can't dump it" → "Can't dump it"
    private static func message(of line: Substring) -> String? {
        guard let start = line.range(of: "Error (") else { return nil }
        guard let end = line[start.upperBound...].range(of: "): ") else { return nil }
        return String(line[end.upperBound...])
    }

    private static let harmless = ["Can't setup RLIMIT_NOFILE", "rlimit:"]

    /// What follows from another error, or from none.
    private static let passedOn = [
        "Dumping FAILED", "Restoring FAILED", "Dump files (pid", "Failed to",
        "Killed by signal", "exited, status=", "Unable to restore",
    ]
}

extension StringProtocol {
    /// Foundation's, without Foundation.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
