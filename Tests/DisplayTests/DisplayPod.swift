import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A pod with an X server and programs on it, which moves between two hosts of this machine. What runs ends with this
/// object, also when a test failed.
final class DisplayPod {
    static let name = "p"

    private let folder: LabFolder
    private let device: FilePath
    private(set) var host: FilePath
    private let other: FilePath

    /// Starts the server as an ordinary user of the pod, and waits until it serves.
    init() throws {
        folder = try LabFolder("mediapod-display-pod")
        device = folder.appending("device")
        (host, other) = (folder.appending("A"), folder.appending("B"))
        try must(["device", "init", device.string])
        try must(["create", Self.name, "--rootfs", try Self.tree.get().string])
        try must(["run", Self.name, "--detach", "--sound", "null", "--", "sleep", "1000000"])
        try exec("Xorg :0 -nolisten tcp -noreset -logfile /tmp/xorg.log")
        let asked = ["exec", Self.name, "-u", "player", "--", "env", "DISPLAY=:0", "xsetroot", "-solid", "#203040"]
        try waitUntil("the pod's X server serves") { try run(asked).isWell }
    }

    deinit {
        for host in [host, other] {
            _ = try? run(["stop", "--time", "0", Self.name], on: host)
            _ = try? run(["rm", Self.name], on: host)
        }
    }

    /// Begins a shell line in the pod, as the user whose server it is.
    func exec(_ line: String) throws {
        try must(["exec", Self.name, "-u", "player", "--detach", "--", "sh", "-c", "export DISPLAY=:0; exec \(line)"])
    }

    /// A shell line's output.
    @discardableResult
    func output(of line: String) throws -> String {
        try must(["exec", Self.name, "-u", "player", "--", "sh", "-c", "export DISPLAY=:0; \(line)"])
    }

    /// Begins one of `Programs/` in lockstep: a line into `/tmp/NAME.in` lets it go on, what it says is `/tmp/NAME.out`.
    func begin(_ command: String, as name: String) throws {
        try output(of: "mkfifo /tmp/\(name).in")
        try exec("\(command) 0<>/tmp/\(name).in >/tmp/\(name).out")
        _ = try lines(name, 1)
    }

    /// The last line that it said, when it has said as many.
    func lines(_ name: String, _ count: Int) throws -> [String] {
        var lines: [Substring] = []
        try waitUntil("\(name) says \(count) lines") {
            lines = try output(of: "cat /tmp/\(name).out").split(separator: "\n")
            return lines.count >= count
        }
        return lines.map(String.init)
    }

    func say(_ word: String, to name: String) throws { try output(of: "echo '\(word)' >/tmp/\(name).in") }

    func suspend() throws { try must(["suspend", Self.name]) }

    /// Suspends here and resumes on the other host.
    func move() throws {
        try suspend()
        try resumeElsewhere()
    }

    func resumeElsewhere() throws {
        host = host == other ? folder.appending("A") : other
        try must(["resume", Self.name, "--detach", "--sound", "null"])
    }

    /// The object as the host sees it, through the server's root.
    func object() throws -> FilePath {
        let namespace = try output(of: "readlink /proc/self/ns/pid").filter { $0 != "\n" }
        for name in try Files.list("/proc") where name.allSatisfy(\.isNumber) {
            var buffer = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/\(name)/ns/pid", &buffer, buffer.count)
            let link = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard link == namespace else { continue }
            let path = FilePath("/proc/\(name)/root/dev/shm/mediapod-display-0")
            if text(of: FilePath("/proc/\(name)/comm")) == "Xorg\n", Files.isRegularFile(path) { return path }
        }
        throw Failure("find", "the pod's X server")
    }

    // MARK: The engine

    private func run(_ arguments: [String], on runtime: FilePath? = nil) throws -> (isWell: Bool, output: String) {
        let output = folder.path.appending("output-\(UInt32.random(in: 0...UInt32.max))")
        defer { unlink(output.string) }
        let environment = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
            "MEDIAPOD_RUNTIME=\((runtime ?? host).string)", "MEDIAPOD_DEVICE=\(device.string)",
        ]
        let program = LabBroker.binaries.appending("mediapod").string
        let child = try ChildProcess(
            Command(program, arguments, name: "mediapod", environment: environment), writingTo: output)
        let status = child.wait()
        return (status.isSuccess, text(of: output))
    }

    @discardableResult
    private func must(_ arguments: [String]) throws -> String {
        let (isWell, output) = try run(arguments)
        guard isWell else { throw Failure("mediapod \(arguments.joined(separator: " "))", output) }
        return output
    }

    /// Of this machine's own files, once for this process.
    private static let tree: Result<FilePath, any Error> = Result {
        let tree = LabBroker.repository.appending("build/lab/display/tree")
        try? Files.removeTree(tree)
        try Files.makeFolders(tree, permissions: .init(rawValue: 0o755))
        let folder = LabBroker.repository.appending("Tests/DisplayTests/Programs")
        let programs = try ["draw", "events", "video", "present"].map {
            try XProgram.compile($0, folder.pushing(FilePath("\($0).c")))
        }
        _ = try Pipeline.output(of: Command(folder.appending("pod-tree.sh").string, [tree.string] + programs))
        return tree
    }
}
