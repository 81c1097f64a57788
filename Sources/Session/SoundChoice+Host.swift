internal import Glibc
public import LinuxSystem
internal import SystemPackage

extension SoundChoice {
    /// Takes a `--sound` of this caller's: names relative to the current folder become absolute.
    public static func onThisHost(_ specification: String?, downmix: Bool = false) throws(Failure) -> SoundChoice {
        var text = specification ?? "pulse"
        let kind = text.prefix { $0 != ":" && $0 != "@" }
        guard ["pulse", "alsa", "file", "null"].contains(kind) else {
            throw Failure(
                "--sound \(text)", "there is no such sound",
                remedy: "use pulse[:SERVER][@SINK], alsa[:PCM], file:PATH.wav or null")
        }
        if kind == "file" {
            let path = FilePath(String(text.dropFirst("file:".count)))
            guard !path.isEmpty, text.hasPrefix("file:") else {
                throw Failure("--sound \(text)", "names no file", remedy: "use file:PATH.wav")
            }
            if path.isRelative, let folder = getcwd(nil, 0) {
                defer { free(folder) }
                text = "file:" + FilePath(platformString: folder).pushing(path).string
            }
        }
        let user = desktopUser
        return SoundChoice(
            specification: text, environment: soundEnvironment, userID: user.uid, groupID: user.gid,
            downmix: downmix)
    }

    /// Whose session on the host it is: sudo's caller, else the caller.
    public static var desktopUser: (uid: UInt32, gid: UInt32) {
        func number(_ name: String) -> UInt32? { getenv(name).flatMap { UInt32(String(cString: $0)) } }
        if let uid = number("SUDO_UID"), uid != 0, let gid = number("SUDO_GID") { return (uid, gid) }
        return (getuid(), getgid())
    }

    private static var soundEnvironment: [String] {
        let wanted = ["PULSE_", "ALSA_", "XDG_RUNTIME_DIR=", "XDG_CONFIG_HOME=", "HOME="]
        return Launch.callersEnvironment.filter { entry in wanted.contains { entry.hasPrefix($0) } }
    }
}
