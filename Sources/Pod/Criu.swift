internal import Glibc
public import LinuxSystem
public import SystemPackage

/// The CRIU of this host.
public struct Criu: Sendable {
    public let program: FilePath

    /// `MEDIAPOD_CRIU`, else the one that `make setup` installs, else the distribution's.
    public static func find() throws(Failure) -> Criu {
        let named = getenv("MEDIAPOD_CRIU").map { FilePath(String(cString: $0)) }
        let places: [FilePath] =
            named.map { [$0] } ?? ["/opt/mediapod/criu/criu", "/usr/sbin/criu", "/usr/local/sbin/criu"]
        guard let program = places.first(where: { Files.isRegularFile($0) }) else {
            let where_ = named.map { "\($0.string) is not there" } ?? "is not installed"
            throw Failure("CRIU", where_, remedy: "install it with: make setup")
        }
        return Criu(program: program)
    }

    /// "4.2.1"
    public func version() throws -> String {
        let text = String(
            decoding: try Pipeline.output(of: Command(program.string, ["--version"], name: "criu")), as: UTF8.self)
        // "Version: 4.2.1"
        guard let line = text.split(separator: "\n").first, let version = line.split(separator: " ").last else {
            throw Failure("CRIU", "\(program.string) does not tell its version")
        }
        return String(version)
    }
}

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
        let errors = log.split(separator: "\n").compactMap { message(of: $0) }
        let telling = errors.filter { text in !passedOn.contains { text.hasPrefix($0) } }
        let chosen = (telling.isEmpty ? errors : telling).suffix(2)
        return chosen.isEmpty ? nil : chosen.joined(separator: "; ")
    }

    /// "(00.036121)      6: Error (criu/files.c:123): Can't dump it" → "Can't dump it"
    private static func message(of line: Substring) -> String? {
        guard let start = line.range(of: "Error (") else { return nil }
        guard let end = line[start.upperBound...].range(of: "): ") else { return nil }
        return String(line[end.upperBound...])
    }

    /// What follows from another error, or from none.
    private static let passedOn = [
        "Dumping FAILED", "Restoring FAILED", "Dump files (pid", "Can't setup RLIMIT_NOFILE", "rlimit:", "Failed to",
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
