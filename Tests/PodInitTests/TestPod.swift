import Glibc
import Pod
import PodInitABI

/// A pod-init that is PID 1 of namespaces of its own, on the machine's file system with a fresh /run, /var/log and
/// /dev/pts.
///
/// Needs root. Whatever still runs in it ends with the object.
final class TestPod {
    struct Options {
        /// With its root mapped to uid 100000, as in a real pod.
        var userNamespace = false
        /// Of /var/log, as tmpfs takes it.
        var logSize = "32m"
        /// A shell command to run before pod-init, in the pod.
        var prepare = ":"
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The process on the machine that the pod hangs on.
    private let process: pid_t
    private var waitStatus: Int32?

    /// pod-init's own process id on the machine.
    private(set) var initPID: pid_t = 0

    static let program: String =
        getenv("POD_INIT").map { String(cString: $0) }
        ?? "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/build/pod-init"

    private static let setUp = """
        mount -t proc proc /proc && mount -t tmpfs -o mode=755 tmpfs /run &&
        mount -t tmpfs -o mode=755,size="$2" tmpfs /var/log &&
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts &&
        printf '%s\\n' root:x:0:0::/root:/bin/sh player:x:1000:1000::/home/player:/bin/sh > /run/passwd &&
        printf '%s\\n' root:x:0: player:x:1000: audio:x:29:other,player video:x:44:player > /run/group &&
        mount --bind /run/passwd /etc/passwd && mount --bind /run/group /etc/group && eval "$3" && exec "$1"
        """

    init(_ options: Options = Options()) throws {
        guard access(Self.program, X_OK) == 0 else {
            throw Failure(description: "\(Self.program) is not there: build it with make -C Sources/pod-init")
        }
        var command = [
            "unshare", "--pid", "--mount", "--net", "--fork", "--kill-child",
            "sh", "-c", Self.setUp, "sh", Self.program, options.logSize, options.prepare,
        ]
        var holder: pid_t?
        if options.userNamespace {
            let process = try Self.userNamespace()
            holder = process
            command = ["nsenter", "--user=/proc/\(process)/ns/user", "--setuid", "0", "--setgid", "0"] + command
        }
        defer {
            if let holder {
                kill(holder, SIGKILL)
                waitpid(holder, nil, 0)
            }
        }
        process = try Self.spawn(command)
        // Until the class is whole, its end of life cleans nothing up; from here on it does.
        try waitFor("pod-init's socket") {
            guard self.isRunning else {
                throw Failure(description: "the pod did not start: exit code \(self.exitCode)")
            }
            let children = Self.read("/proc/\(process)/task/\(process)/children")
            guard let pid = pid_t(children.split(separator: " ").first ?? "") else { return false }
            self.initPID = pid
            return access(self.socketPath, F_OK) == 0
        }
    }

    deinit {
        if isRunning {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// pod-init's root, seen from outside.
    var root: String { "/proc/\(initPID)/root" }

    var socketPath: String { root + POD_INIT_SOCKET }

    func connect() throws -> InitClient {
        let namespace = try networkNamespace()
        defer { close(namespace) }
        return try InitClient(path: socketPath, networkNamespace: namespace)
    }

    func networkNamespace() throws -> Int32 {
        let descriptor = open("/proc/\(initPID)/ns/net", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(description: "the network namespace: error \(errno)") }
        return descriptor
    }

    func log(_ name: String) -> String {
        Self.read("\(root)\(POD_INIT_LOG_FOLDER)/\(name)")
    }

    var isRunning: Bool {
        if waitStatus == nil {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { waitStatus = status }
        }
        return waitStatus == nil
    }

    /// Of pod-init, once it has ended.
    private var exitCode: Int32 {
        waitStatus.map { $0 & 0x7f == 0 ? ($0 >> 8) & 0xff : 128 + ($0 & 0x7f) } ?? -1
    }

    func waitForEnd() throws -> Int32 {
        try waitFor("the pod's end") { !isRunning }
        return exitCode
    }

    // MARK: -

    private static func userNamespace() throws -> pid_t {
        let process = try spawn(["unshare", "--user", "sleep", "60"])
        let own = link("/proc/self/ns/user")
        try waitFor("the user namespace") { link("/proc/\(process)/ns/user") != own }
        for map in ["uid_map", "gid_map"] {
            let descriptor = open("/proc/\(process)/\(map)", O_WRONLY)
            let line = "0 100000 65536\n"
            guard write(descriptor, line, line.utf8.count) == line.utf8.count else {
                throw Failure(description: "\(map): error \(errno)")
            }
            close(descriptor)
        }
        return process
    }

    static func spawn(_ arguments: [String]) throws -> pid_t {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        defer { argv.forEach { free($0) } }
        var process: pid_t = 0
        let error = posix_spawnp(&process, arguments[0], nil, nil, argv, environ)
        guard error == 0 else { throw Failure(description: "\(arguments[0]): error \(error)") }
        return process
    }

    static func read(_ path: String) -> String {
        String(decoding: bytes(path), as: UTF8.self)
    }

    static func bytes(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            guard count > 0 else { return bytes }
            bytes += part.prefix(count)
        }
    }

    static func link(_ path: String) -> String {
        var target = [UInt8](repeating: 0, count: 4096)
        let size = target.count
        let count = target.withUnsafeMutableBytes { $0.baseAddress.map { readlink(path, $0, size) } ?? -1 }
        return String(decoding: target.prefix(max(count, 0)), as: UTF8.self)
    }

    static func names(_ folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = Glibc.readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// Polls, since most of what is waited for happens in another process without a word.
func waitFor(_ what: String, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !condition() {
        guard .now < deadline else { throw TestPod.Failure(description: "waited in vain for \(what)") }
        usleep(5000)
    }
}

/// What a program left behind.
struct Outcome {
    var program: UInt32
    var output = ""
    var errorOutput = ""
    var status: InitExitStatus
}

extension InitClient {
    /// Runs a program to its end; its standard input ends after `input`.
    mutating func run(_ command: InitCommand, input: [UInt8] = []) throws -> Outcome {
        let started = try start(command)
        return try finish(started.program, input: input)
    }

    mutating func run(_ arguments: String...) throws -> Outcome {
        try run(InitCommand(arguments, path: true))
    }

    mutating func shell(_ script: String) throws -> Outcome {
        try run("sh", "-c", script)
    }

    /// Waits for the program's end.
    mutating func finish(_ program: UInt32, input: [UInt8]? = nil) throws -> Outcome {
        var (output, errorOutput): ([UInt8], [UInt8]) = ([], [])
        var rest = (input ?? [])[...]
        var isOpen = input?.isEmpty == false
        while true {
            if isOpen {
                rest = rest.dropFirst(try sendStdin(rest, to: program))
                if rest.isEmpty {
                    try closeStdin(of: program)
                    isOpen = false
                }
            }
            switch try nextEvent(timeout: .seconds(30)) {
            case .output(program, 1, let bytes): output += bytes
            case .output(program, 2, let bytes): errorOutput += bytes
            case .exited(program, let status):
                return Outcome(
                    program: program, output: String(decoding: output, as: UTF8.self),
                    errorOutput: String(decoding: errorOutput, as: UTF8.self), status: status)
            case nil: throw TestPod.Failure(description: "program \(program) does not end")
            default: continue
            }
        }
    }

    /// Reads output until it contains `text`.
    mutating func waitForOutput(_ text: String) throws {
        var output: [UInt8] = []
        while !String(decoding: output, as: UTF8.self).contains(text) {
            guard let event = try nextEvent(timeout: .seconds(30)) else {
                throw TestPod.Failure(description: "no output \(text)")
            }
            if case .output(_, _, let bytes) = event { output += bytes }
        }
    }
}

extension InitCommand {
    init(_ arguments: [String], path: Bool) {
        self.init(arguments)
        if path { environment = ["PATH=/usr/bin:/bin"] }
    }

    static func shell(_ script: String) -> InitCommand {
        InitCommand(["sh", "-c", script], path: true)
    }
}
