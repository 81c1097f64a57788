import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// `podview attach` on a host's server.
final class ViewerProcess {
    let process: ChildProcess
    let host: TestServer
    private let folder: LabFolder

    static var program: String { LabBroker.binaries.appending("podview").string }

    /// What it wrote, both ways.
    var said: String { text(of: folder.appending("output")) + text(of: folder.appending("error")) }

    init(_ object: FilePath, on host: TestServer, _ options: [String] = ["--no-bar"], environment: [String]? = nil)
        throws
    {
        folder = try LabFolder("mediapod-viewer")
        self.host = host
        process = try start(
            [Self.program, "attach", "--object", object.string] + options,
            environment: environment ?? host.environment, output: folder.appending("output"),
            error: folder.appending("error"))
    }

    deinit { process.kill() }

    /// The windows' ids: the whole one, and the pod's screen in it. Waits until they are there.
    func windows() throws -> (whole: String, view: String) {
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
    func waitUntilShown(_ wanted: () throws -> Picture) throws {
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
    func end() -> ExitStatus {
        process.send(SIGTERM)
        return process.wait()
    }
}

/// `probe` on a pod's server.
final class Probe {
    private let process: ChildProcess
    private let input: OwnedDescriptor
    private let output: OwnedDescriptor
    private var buffered: [UInt8] = []

    init(on server: TestServer) throws {
        let toProbe = try PipeEnds()
        let fromProbe = try PipeEnds()
        process = try ChildProcess(
            Command(try program("probe"), [], environment: server.environment), input: toProbe.read.number,
            output: fromProbe.write.number, error: 2)
        input = toProbe.closingRead()
        output = fromProbe.closingWrite()
        try expect("ready")
    }

    deinit { process.kill() }

    /// The next line it says; `nil` when it says none in time.
    func line(seconds: Int = 20) -> String? {
        while true {
            if let end = buffered.firstIndex(of: 10) {
                defer { buffered.removeFirst(end + 1) }
                return String(decoding: buffered[..<end], as: UTF8.self)
            }
            guard Wait.readable(output.number, milliseconds: seconds * 1000) else { return nil }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(output.number, &bytes, bytes.count)
            guard count > 0 else { return nil }
            buffered += bytes[..<count]
        }
    }

    /// Reads on until it says this; lines that it says before are returned.
    @discardableResult
    func expect(_ wanted: String) throws -> [String] {
        var others: [String] = []
        while let line = line() {
            if line == wanted { return others }
            others.append(line)
        }
        throw Failure("the probe", "did not say \(wanted), but \(others.suffix(20))")
    }

    func say(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        guard write(input.number, bytes, bytes.count) == bytes.count else { throw Failure("the probe", "is gone") }
    }

    func paint(_ seed: Int, _ count: Int = 200) throws {
        try say("paint \(seed) \(count)")
        try expect("painted")
    }
}
