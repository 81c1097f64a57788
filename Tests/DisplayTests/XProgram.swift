import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A program that shows something on a server, most of them in lockstep: it prints a line, and waits for one.
final class XProgram {
    private let process: ChildProcess
    private let input: Int32
    private let output: Int32
    private var buffered: [UInt8] = []
    /// Stays as long as this does.
    private let server: XServer

    var pid: Int32 { process.pid }

    /// Starts one of `Programs/`, or one of the machine's.
    init(_ command: [String], on server: XServer, environment: [String] = []) throws {
        self.server = server
        var program = command[0]
        if !program.contains("/"), let source = Self.source(program) { program = try Self.compile(program, source) }
        let toProgram = try Self.pipe()
        let fromProgram = try Self.pipe()
        defer {
            close(toProgram.reading)
            close(fromProgram.writing)
        }
        (input, output) = (toProgram.writing, fromProgram.reading)
        let fixed = ["PATH=/usr/bin:/bin", "DISPLAY=\(server.name)", "HOME=/nonexistent", "LC_ALL=C.UTF-8"]
        process = try ChildProcess(
            Command(
                "setpriv",
                ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", program] + command.dropFirst(),
                environment: fixed + environment),
            input: toProgram.reading, output: fromProgram.writing, error: 2)
    }

    deinit {
        close(input)
        close(output)
    }

    /// The next line that it prints; an error when none comes within a minute.
    func line() throws -> String {
        while true {
            if let end = buffered.firstIndex(of: 10) {
                defer { buffered.removeFirst(end + 1) }
                return String(decoding: buffered[..<end], as: UTF8.self)
            }
            var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 60_000) > 0 else { throw Failure(process.command.name, "said nothing for a minute") }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(output, &bytes, bytes.count)
            guard count > 0 else { throw Failure("\(process.command.arguments)", "\(process.wait())") }
            buffered += bytes[..<count]
        }
    }

    /// Forgets what it has printed so far: a program that cannot print stands still.
    func discardLines() {
        buffered = []
        var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        var bytes = [UInt8](repeating: 0, count: 65536)
        while poll(&polled, 1, 0) > 0, read(output, &bytes, bytes.count) > 0 {}
    }

    /// Lets it go on.
    func go(_ word: String = "") throws {
        let bytes = Array((word + "\n").utf8)
        guard write(input, bytes, bytes.count) == bytes.count else {
            throw Failure("\(process.command.arguments)", "does not read: \(process.wait())")
        }
    }

    /// Lets it go on, and returns what it says next.
    func step(_ word: String = "") throws -> String {
        try go(word)
        return try line()
    }

    func kill() { process.kill() }
    @discardableResult func end() -> ExitStatus { process.wait() }

    /// Runs a program of the machine's to its end, which must be a good one, and returns what it printed.
    static func run(_ command: [String], on server: XServer) throws -> String {
        let environment = ["PATH=/usr/bin:/bin", "DISPLAY=\(server.name)", "LC_ALL=C.UTF-8", "HOME=/nonexistent"]
        let started = Command(command[0], Array(command.dropFirst()), environment: environment)
        return try withExtendedLifetime(server) {
            String(decoding: try Pipeline.output(of: started, limit: 1 << 24), as: UTF8.self)
        }
    }

    // MARK: Building

    private static func source(_ name: String) -> FilePath? {
        let path = LabBroker.repository.pushing(FilePath("Tests/DisplayTests/Programs/\(name).c"))
        return Files.isRegularFile(path) ? path : nil
    }

    private static let libraries = [
        "-lX11", "-lXext", "-lXrender", "-lXcomposite", "-lXv", "-lXi", "-lXfixes", "-lXcursor", "-lXrandr",
        "-lX11-xcb",
        "-lxcb-present", "-lxcb",
    ]

    /// Made anew by the first test of a run that needs it.
    nonisolated(unsafe) private static var compiled: [String: String] = [:]  // tests run one at a time

    static func compile(_ name: String, _ source: FilePath) throws -> String {
        if let path = compiled[name] { return path }
        let folder = LabBroker.repository.appending("build/lab/display")
        try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        let path = folder.appending(name).string
        let options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O1", "-Wl,--as-needed"]
        _ = try Pipeline.output(of: Command("cc", options + ["-o", path, source.string] + libraries))
        compiled[name] = path
        return path
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw Failure("make", "a pipe", Errno(rawValue: errno)) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
