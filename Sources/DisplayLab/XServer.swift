internal import Glibc
public import LinuxSystem
public import SoundLab
public import SystemPackage

/// An X server as an ordinary user: a pod's, with our driver, or a host's. Ended with this object.
public final class XServer {
    public enum Kind: Sendable {
        /// A pod's, or a host's that has XVideo.
        ///
        /// - Parameter modules: the folder with the driver, another than the built one's for one with sanitizers.
        case driver(modules: FilePath? = nil)
        case xvfb
    }

    public let folder: LabFolder
    /// For `DISPLAY`.
    public let name: String
    /// The driver's shared memory; nothing for Xvfb.
    public let object: FilePath
    public let process: ChildProcess

    /// What it wrote, and its log.
    public var log: String { text(of: folder.appending("log")) + text(of: folder.appending("error")) }
    public var hasEnded: Bool { process.hasEnded }

    /// - Parameters:
    ///   - width: of the screen, pixels, and `height`.
    ///   - environment: added to the server's, `NAME=value`.
    ///   - options: more of the server's.
    ///   - object: where its memory is, else in a place of its own.
    public init(
        _ kind: Kind = .driver(), width: Int = 640, height: Int = 480, environment: [String] = [],
        options: [String] = ["-noreset"], object place: FilePath? = nil
    ) throws {
        folder = try LabFolder("mediapod-x")
        object = place ?? FilePath("/dev/shm/\(folder.path.lastComponent?.string ?? "mediapod-x")")
        chmod(folder.path.string, 0o777)
        var command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "env", "-i"]
        command += ["PATH=/usr/bin:/bin", "HOME=\(folder.path.string)"] + environment
        switch kind {
        case .driver(let modules):
            try Self.configure(folder, object: object, width: width, height: height)
            let path = [modules ?? Self.modules, "/usr/lib/xorg/modules"].map(\.string).joined(separator: ",")
            command += [
                "/usr/lib/xorg/Xorg", "-configdir", folder.appending("conf").string, "-modulepath", path, "-logfile",
                folder.appending("log").string,
            ]
        case .xvfb: command += ["Xvfb", "-screen", "0", "\(width)x\(height)x24"]
        }
        // The server chooses a free display, and says which when it is ready.
        command += ["-displayfd", "1", "-nolisten", "tcp", "-ac"] + options
        let said = folder.appending("display")
        let errors = folder.appending("error")
        let process = try start(command, output: said, error: errors)
        try waitUntil("the X server runs: \(text(of: errors))") {
            text(of: said).hasSuffix("\n") || process.hasEnded
        }
        name = ":" + text(of: said).filter(\.isNumber)
        self.process = process
        if process.hasEnded { throw Failure("the X server", "ended: \(log)") }
    }

    deinit {
        stop()
        unlink(object.string)
    }

    /// Ends it in good order.
    public func stop() {
        process.send(SIGTERM)
        if !process.wait(milliseconds: 20_000) { process.kill() }
    }

    /// The driver as it was built.
    public static var modules: FilePath { LabBroker.repository.appending("build/display-driver") }

    private static func configure(_ folder: LabFolder, object: FilePath, width: Int, height: Int) throws {
        let source = LabBroker.repository.appending("display-driver/conf/50-mediapod.conf")
        let lines = text(of: source).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.contains("#Option    \"Size\"")
                ? "Option \"Size\" \"\(width)x\(height)\"\nOption \"Object\" \"\(object.string)\"" : String(line)
        }
        let conf = folder.appending("conf")
        try Files.makeFolders(conf, permissions: .init(rawValue: 0o755))
        try Files.write(
            conf.appending("50-mediapod.conf"), Array(lines.joined(separator: "\n").utf8),
            permissions: .init(rawValue: 0o644))
    }

    /// Runs one of the machine's programs here to its good end, and returns what it printed.
    @discardableResult
    public func run(_ command: [String]) throws -> [UInt8] {
        try Pipeline.output(
            of: Command(command[0], Array(command.dropFirst()), environment: environment), limit: 1 << 26)
    }

    public var environment: [String] {
        ["PATH=/usr/bin:/bin", "HOME=\(folder.path.string)", "DISPLAY=\(name)", "LC_ALL=C.UTF-8"]
    }

    /// The pixels of a window, or of the whole screen.
    public func picture(of window: String? = nil) throws -> Picture {
        try Picture(xwd: run(["xwd", "-silent"] + (window.map { ["-id", $0] } ?? ["-root"])))
    }
}
