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

    /// The environment of a dump. It has `tar --gzip` pack each tmpfs of a pod, and a screen lies in one: compressing that
    /// takes longer than dumping the X server, and the stream's filters do it anyway. So the gzip that `make setup` puts into
    /// `bin` beside it, a pigz, comes first, and is told to store. Elsewhere it is gzip, and slower. A restore unpacks with
    /// whatever gzip there is, which has nothing to do but copy.
    ///
    /// What has system calls that wait go on waiting is loaded into it (`Sources/criu-calls`), where it is built.
    var dumping: [String] {
        let bin = program.removingLastComponent().appending("bin")
        return ["PATH=\(bin.string):\(Launch.searchPath)", Launch.locale, "PIGZ=-0 -p 1"]
            + Self.preloaded.map { "LD_PRELOAD=\($0)" }
    }

    /// The file of what makes system calls that wait go on.
    public static let calls = "mediapod-criu.so"

    /// Whether it is there. Without, `sleep`, `poll` and futexes end with EINTR when a process goes on after a dump.
    public static var restartsCalls: Bool { !preloaded.isEmpty }

    private static let preloaded =
        Executable.places(of: FilePath(calls)).first { place in
            // The loader takes these as the ends of names.
            Files.isRegularFile(place) && !place.string.contains { $0 == ":" || $0 == " " }
        }.map { [$0.string] } ?? []

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
