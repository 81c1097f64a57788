internal import DisplayABI
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

extension Preflight {
    /// What a host has to show a pod's screen with. A session needs none of it, so nothing here refuses one: where no window
    /// can be had, a person has to look at it in another way, and should know that beforehand.
    ///
    /// - Parameters:
    ///   - version: of the pod's display, 0 without one; `nil` for any pod's.
    ///   - host: asked only for pods that have a display.
    package static func display(version: UInt32?, at host: @autoclosure () -> DisplayReport = .ask()) -> [CheckFinding]
    {
        guard version != 0 else { return [CheckFinding("display", .ok, "the pod has no screen")] }
        let host = host()
        guard host.isInstalled else {
            return [
                CheckFinding(
                    "display", .limited, "podview is not installed: no screen can be shown",
                    remedy: "install it beside mediapod")
            ]
        }
        if let version, let newest = host.version, version > newest {
            return [
                CheckFinding(
                    "display", .limited,
                    "the pod's screen is of version \(version), and this host's podview knows versions up to \(newest)",
                    remedy: "the session runs all the same; to see it, use a newer podview")
            ]
        }
        guard let display = host.display, let width = host.width, let height = host.height else {
            return [
                CheckFinding(
                    "display", .limited, host.problem ?? "podview says nothing",
                    remedy: host.remedy.map { "\($0); \(otherWays)" } ?? otherWays)
            ]
        }
        let text = "\(display), \(width)x\(height)"
        guard host.hasSharedMemory == true else {
            return [
                CheckFinding(
                    "display", .limited,
                    "\(text): it cannot read this machine's memory, so all pixels go through its socket",
                    remedy: "for films, show it by an X server of this machine")
            ]
        }
        let video = host.video ?? []
        let films =
            video.isEmpty ? "films as pictures, for it has no XVideo" : "XVideo with \(video.joined(separator: " "))"
        return [CheckFinding("display", .ok, "\(text), MIT-SHM, \(films)")]
    }

    private static let otherWays = "or use any VNC client with: mediapod view NAME --vnc PORT"

    /// The version of the display that a running pod's X server has, 0 without one. The file is the pod's, and may be
    /// anything.
    static func displayVersion(in root: PodRoot) -> UInt32 {
        let path = FilePath(String(DISPLAY_OBJECT_PATH.drop { $0 == "/" }))
        guard
            let file = try? root.folder().open(
                path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, links: .refused)
        else { return 0 }
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
        var head: [UInt32] = [0, 0]
        let got = head.withUnsafeMutableBytes { try? Files.read(file, into: $0, at: 0) }
        return got == 8 ? display_version_in(head) : 0
    }
}

/// What `podview host` says of this host's X server.
package struct DisplayReport: Decodable, Sendable {
    package var version: UInt32?
    package var problem: String?
    package var remedy: String?
    package var display: String?
    package var width: Int?
    package var height: Int?
    package var hasSharedMemory: Bool?
    package var video: [String]?
    /// Whether there is a podview that could be asked.
    package var isInstalled = true

    enum CodingKeys: String, CodingKey {
        case hasSharedMemory = "shared_memory"
        case version, problem, remedy, display, width, height, video
    }

    package init() {}

    /// Seconds that an X server may take to answer: one that has been stopped never does.
    private static let patience = 5

    /// Asks podview, as the caller, whose window it would be.
    package static func ask() -> DisplayReport {
        let program = Executable.folder.appending("podview")
        var report = DisplayReport()
        guard Files.isRegularFile(program) else {
            report.isInstalled = false
            return report
        }
        let wanted = ["DISPLAY=", "XAUTHORITY=", "HOME=", "XDG_RUNTIME_DIR="]
        let environment = Launch.callersEnvironment.filter { entry in wanted.contains { entry.hasPrefix($0) } }
        var output: [UInt8] = []
        do {
            let command = Command(
                program.string, ["host", "--format", "json"], name: "podview",
                environment: Launch.plainEnvironment + environment)
            try Pipeline([command], stallLimit: patience).run(sink: { output.append(contentsOf: $0) })
            report = try JSONText.decode(DisplayReport.self, from: output)
        } catch let failure as Failure {
            report.problem = "whether the X server can show a window is not known: \(failure.statement)"
        } catch {
            report.problem = "\(error)"
        }
        return report
    }
}
