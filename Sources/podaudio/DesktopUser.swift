internal import ArgumentParser
internal import Glibc
internal import LinuxSystem

/// The user whose sound it is, for what the engine starts as root.
enum DesktopUser {
    /// Takes on the identity that `text`, UID:GID, names, and the environment in which libpulse finds that user's server
    /// and its cookie.
    static func become(_ text: String) throws {
        let parts = text.split(separator: ":").compactMap { UInt32($0) }
        guard parts.count == 2 else { throw ValidationError("--user wants UID:GID, not \(text)") }
        try Privileges.become(userID: parts[0], groupID: parts[1])
        if let entry = getpwuid(parts[0]) { setenv("HOME", String(cString: entry.pointee.pw_dir), 1) }
        if parts[0] != 0 { setenv("XDG_RUNTIME_DIR", "/run/user/\(parts[0])", 1) }
    }
}
