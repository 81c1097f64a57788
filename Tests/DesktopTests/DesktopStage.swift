import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// Two hosts with sound and screens of different sizes, and a device with a pod that has a desktop. Gone again with this
/// object, also when a test failed.
final class DesktopStage {
    static let pod = "desk"
    /// As Debian has it, or as MediaPod made it.
    private static let user = "user"

    let folder: LabFolder
    let a: LabHost
    let b: LabHost
    let screenA: XServer
    let screenB: XServer

    init(_ kind: LabPods.Kind) throws {
        folder = try LabFolder("mediapod-desktop")
        let device = folder.appending("device")
        a = try LabHost("A", in: folder.appending("A"), device: device)
        b = try LabHost("B", in: folder.appending("B"), device: device)
        screenA = try XServer(.xvfb, width: 1280, height: 800)
        screenB = try XServer(.xvfb, width: 1920, height: 1080)
        try LabPods.makeDevice(device, pods: [Self.pod], kind: kind, on: a)
    }

    deinit {
        for host in [a, b] { _ = try? host.run(["stop", "--time", "0", Self.pod]) }
    }

    /// All of a screen shows the pod's.
    func view(on host: LabHost) throws -> ViewerProcess {
        let screen = host === a ? screenA : screenB
        return try ViewerProcess(
            attaching: [Self.pod, "--full-screen", "--no-bar", "--keep-running"], on: screen,
            environment: screen.environment + ["MEDIAPOD_RUNTIME=\(host.runtime)", "MEDIAPOD_DEVICE=\(host.device)"])
    }

    /// Begins a shell line in the pod, as its user on its desktop, of which it knows by the pod's environment.
    func begin(_ line: String, on host: LabHost) throws {
        try host.must(["exec", Self.pod, "-u", Self.user, "--detach", "--", "sh", "-c", "cd; \(line)"])
    }

    /// A shell line's output.
    @discardableResult
    func output(of line: String, on host: LabHost) throws -> String {
        try host.must(["exec", Self.pod, "-u", Self.user, "--", "sh", "-c", "cd; \(line)"]).output
    }

    /// When it fails, leaves CRIU's log for whoever looks for the reason.
    func suspend(on host: LabHost) throws {
        do {
            try host.must(["suspend", Self.pod])
        } catch {
            let log = FilePath(host.runtime.string).appending("\(Self.pod)-dump.log")
            if let bytes = try? Files.read(log, limit: 64 << 20) {
                let kept = LabBroker.repository.appending("build/desktop/failed-dump.log")
                try? Files.write(kept, bytes, permissions: .ownerReadWrite)
            }
            throw error
        }
    }

    /// What `mediapod check` says of a host's screen.
    func findingOfDisplay(on host: LabHost) throws -> String {
        struct Finding: Decodable {
            var topic: String
            var finding: String
        }
        let screen = host === a ? screenA : screenB
        host.extraEnvironment.append("DISPLAY=\(screen.name)")
        let said = try host.must(["check", Self.pod, "--format", "json"]).output
        host.extraEnvironment.removeLast()
        let found = try JSONText.decode([Finding].self, from: Array(said.utf8))
        return found.first { $0.topic == "display" }?.finding ?? ""
    }

    func resume(on host: LabHost) throws { try host.must(["resume", Self.pod, "--detach", "--sound", host.sound]) }

    /// The pod's own screen, as its own size is.
    func screenshot(on host: LabHost) throws -> Picture {
        let file = folder.appending("screen.png")
        try host.must(["screenshot", Self.pod, file.string], program: "podview")
        return try Picture(png: file)
    }

    /// For a person, and for `docs/`.
    func keepScreenshot(on host: LabHost, as name: String) throws {
        let build = LabBroker.repository.appending("build/desktop")
        try Files.makeFolders(build, permissions: .init(rawValue: 0o755))
        try host.must(["screenshot", Self.pod, build.string + "/\(name).png"], program: "podview")
    }

    /// When `body` fails, leaves what the screen shows, and says what runs in the pod and what its programs said.
    func explaining<Result>(on host: LabHost, as name: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            try? keepScreenshot(on: host, as: "\(name)-failed")
            let processes = try? host.run(["ps", Self.pod]).output
            let tail = ["sh", "-c", "tail -n 20 /var/log/mediapod/*.log"]
            let logs = try? host.run(["exec", Self.pod, "--"] + tail).output
            throw Failure("\(error)", "\(processes ?? "")\n\(logs ?? "")")
        }
    }

    /// Waits until all that still changes are clocks and blinking cursors.
    func waitUntilCalm(on host: LabHost) throws {
        var (last, calm) = (try screenshot(on: host), 0)
        try waitUntil("the screen is calm", seconds: 120) {
            usleep(500_000)
            let now = try screenshot(on: host)
            calm = now.differences(from: last) < 2000 ? calm + 1 : 0
            last = now
            return calm == 6
        }
    }

    /// The programs of the user whose names are of this pattern, a shell's, by their numbers in the pod.
    func processes(_ name: String, on host: LabHost) throws -> [Substring] {
        let scan = """
            for p in /proc/[0-9]*; do
                read -r comm < $p/comm && case $comm in \(name)) echo ${p#/proc/};; esac
            done
            """
        return try output(of: "{ \(scan); true; } 2>/dev/null", on: host).split(separator: "\n")
    }
}
