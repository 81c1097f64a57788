import FoundationEssentials
import Glibc
import LinuxSystem
import Pod
import SoundLab
import SystemPackage
import Testing

/// A device with one pod, and two hosts; what they start ends with this object, also when a test failed.
final class TestHosts {
    static let pod = "p"

    let folder: LabFolder
    let device: FilePath
    let a: TestHost
    let b: TestHost
    /// What the device lies on.
    var keeps: AnyObject?

    /// - Parameters:
    ///   - device: instead of a folder of its own.
    ///   - tree: the pod's root file system, instead of the tests' usual one.
    init(device: FilePath? = nil, tree: FilePath? = nil) throws {
        folder = try LabFolder("mediapod-session")
        self.device = device ?? folder.appending("device")
        a = TestHost(runtime: folder.appending("A"), device: self.device)
        b = TestHost(runtime: folder.appending("B"), device: self.device)
        try a.must(["device", "init", self.device.string])
        try a.must(["create", Self.pod, "--rootfs", try (tree ?? TestTree.folder.get()).string])
    }

    deinit {
        for host in [a, b] {
            _ = try? host.run(["stop", "--time", "0", Self.pod])
            _ = try? host.run(["rm", Self.pod])
        }
    }
}

/// A host, as the engine knows one, without sound.
final class TestHost {
    let runtime: FilePath
    let device: FilePath
    /// `NAME=value`, besides what every command gets.
    var environment: [String] = []
    /// A program and its arguments that commands are run by: into the namespaces of a host of its own.
    var prefix: [String] = []

    init(runtime: FilePath, device: FilePath) {
        self.runtime = runtime
        self.device = device
    }

    /// What a command said and how it ended.
    struct Said {
        var status: LinuxSystem.ExitStatus
        var output: String
        var error: String

        var code: Int32? { if case .exited(let code) = status { code } else { nil } }
        /// The one line that a user reads when something could not be done.
        var line: String? {
            let lines = error.split(separator: "\n")
            return lines.count == 1 ? String(lines[0]) : nil
        }
    }

    func start(
        _ arguments: [String], input: FilePath = "/dev/null", in scratch: FilePath, inTerminal: Bool = false
    ) throws -> ChildProcess {
        let program = LabBroker.binaries.appending("mediapod").string
        let words = prefix + [program] + arguments
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        let command =
            inTerminal
            ? ("script", ["-qefc", "stty rows 24 cols 80; exec \(quoted)", "/dev/null"])
            : (words[0], Array(words.dropFirst()))
        let fixed = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
            "MEDIAPOD_RUNTIME=\(runtime.string)", "MEDIAPOD_DEVICE=\(device.string)",
        ]
        let source = try Files.openForReading(input)
        let output = try Files.openForWriting(scratch.appending("output"))
        let error = try Files.openForWriting(scratch.appending("error"))
        return try ChildProcess(
            Command(command.0, command.1, environment: fixed + environment),
            input: source.number, output: output.number, error: error.number)
    }

    func said(_ child: ChildProcess, in scratch: FilePath) throws -> Said {
        let status = child.wait()
        func text(_ name: FilePath.Component) throws -> String {
            String(decoding: try Files.read(scratch.appending(name), limit: 1 << 24), as: UTF8.self)
        }
        return Said(status: status, output: try text("output"), error: try text("error"))
    }

    @discardableResult
    func run(_ arguments: [String], input: String = "") throws -> Said {
        let scratch = try LabFolder("mediapod-run")
        let file = scratch.appending("input")
        try Files.write(file, Array(input.utf8), permissions: .ownerReadWrite)
        return try said(try start(arguments, input: file, in: scratch.path), in: scratch.path)
    }

    /// For a command that must succeed.
    @discardableResult
    func must(_ arguments: [String], input: String = "") throws -> String {
        let said = try run(arguments, input: input)
        guard said.status.isSuccess else {
            throw Failure("mediapod \(arguments.joined(separator: " "))", "\(said.status): \(said.error)")
        }
        return said.output
    }

    /// Starts the pod with a program, without sound.
    func up(_ command: [String] = ["witness", "count", "/root/count"]) throws {
        try must(["run", TestHosts.pod, "--detach", "--sound", "null", "--"] + command)
    }

    func resume() throws { try must(["resume", TestHosts.pod, "--detach", "--sound", "null"]) }
    func suspend() throws { try must(["suspend", TestHosts.pod]) }

    /// What the witness counts.
    struct Count: Equatable {
        var nonce: Substring
        var value: Int
    }

    /// What the pod's file says now.
    func count(_ path: String = "/root/count") throws -> Count {
        let words = try must(["exec", TestHosts.pod, "--", "cat", path]).split { $0 == " " || $0 == "\n" }
        guard words.count >= 2, let value = Int(words[1]) else { throw Failure("the count", "is no count: \(words)") }
        return Count(nonce: words[0], value: value)
    }

    /// What of the engine is on this host: mounts, processes, cgroups, loop devices, files.
    func leftovers() -> [String] {
        let id = RuntimeFolder(runtime).pod(TestHosts.pod).containerID
        var found = ((try? Files.text("/proc/self/mounts", limit: 1 << 22)) ?? "").split(separator: "\n").map(
            String.init
        )
        .filter { $0.contains(runtime.string) }
        for name in (try? Files.list("/proc")) ?? [] where name.allSatisfy(\.isNumber) {
            let line = (try? Files.read(FilePath("/proc/\(name)/cmdline"), limit: 1 << 16)) ?? []
            let environ = (try? Files.read(FilePath("/proc/\(name)/environ"), limit: 1 << 20)) ?? []
            let text = String(decoding: (line + environ).map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
            if text.contains(runtime.string), Int32(name) != getpid() {
                found.append("process \(name): \(text.prefix(200))")
            }
        }
        for hierarchy in (try? Files.list("/sys/fs/cgroup")) ?? [] {
            for place in ["/sys/fs/cgroup/\(hierarchy)/mediapod/\(id)", "/sys/fs/cgroup/mediapod/\(id)"]
            where Files.isFolder(FilePath(place)) { found.append(place) }
        }
        for name in (try? Files.list(runtime.appending("pods"))) ?? [] { found.append("pods/\(name)") }
        for name in (try? Files.list(runtime.appending("runc"))) ?? [] { found.append("runc/\(name)") }
        for name in (try? Files.list(runtime)) ?? [] where !["pods", "runc", "devices.json"].contains(name) {
            found.append(name)
        }
        return found
    }
}
