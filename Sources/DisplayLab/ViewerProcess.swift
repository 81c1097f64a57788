internal import Glibc
public import LinuxSystem
internal import SoundLab
public import SystemPackage

/// `podview attach` on a host's server.
public final class ViewerProcess {
    public let process: ChildProcess
    public let host: XServer
    private let folder: LabFolder

    public static var program: String { LabBroker.binaries.appending("podview").string }

    /// What it wrote, both ways.
    public var said: String { text(of: folder.appending("output")) + text(of: folder.appending("error")) }

    /// Shows the memory of a server of ours.
    public convenience init(
        _ object: FilePath, on host: XServer, _ options: [String] = ["--no-bar"], environment: [String]? = nil
    ) throws {
        try self.init(attaching: ["--object", object.string] + options, on: host, environment: environment)
    }

    /// - Parameter arguments: of `podview attach`.
    public init(attaching arguments: [String], on host: XServer, environment: [String]? = nil) throws {
        folder = try LabFolder("mediapod-viewer")
        self.host = host
        process = try start(
            [Self.program, "attach"] + arguments, environment: environment ?? host.environment,
            output: folder.appending("output"), error: folder.appending("error"))
    }

    deinit { process.kill() }

    /// The windows' ids: the whole one, and the pod's screen in it. Waits until they are there.
    public func windows() throws -> (whole: String, view: String) {
        var found: (String, String)?
        try waitUntil("the viewer's window is there: \(said)") {
            let lines = String(decoding: try host.run(["xwininfo", "-root", "-tree"]), as: UTF8.self).split(
                separator: "\n")
            guard let n = lines.firstIndex(where: { $0.contains("(\"podview\" \"MediaPod\")") }) else { return false }
            // The first made is the lowest, and listed last.
            let children = lines[(n + 1)...].prefix { $0.hasPrefix("        ") }.filter { $0.contains("0x") }
            guard let view = children.last, let id = Self.id(view), let whole = Self.id(lines[n]) else { return false }
            found = (whole, id)
            // The window of one that was killed a moment ago may just be going away.
            guard let about = try? host.run(["xwininfo", "-id", whole]) else { return false }
            return String(decoding: about, as: UTF8.self).contains("IsViewable")
        }
        guard let found else { throw Failure("the viewer's window", "was not found") }
        return found
    }

    private static func id(_ line: Substring) -> String? {
        line.split(separator: " ").first { $0.hasPrefix("0x") }.map(String.init)
    }

    /// Waits until the view shows exactly this.
    public func waitUntilShown(_ wanted: () throws -> Picture) throws {
        var differences = -1
        do {
            try waitUntil("the view shows the pod's screen", seconds: 20) {
                guard let shown = try? host.picture(of: windows().view) else { return false }
                differences = shown.differences(from: try wanted())
                return differences == 0
            }
        } catch {
            throw Failure("the view", "has \(differences) other pixels than the pod's screen; \(said)")
        }
    }

    /// Ends it as a user does, and returns how.
    public func end() -> ExitStatus {
        process.send(SIGTERM)
        return process.wait()
    }
}
