internal import Glibc
public import LinuxSystem
public import SoundLab
public import SystemPackage

/// An X server: a pod's, with our driver, or a host's. Ended with this object.
public final class XServer {
    public enum Kind: Sendable {
        /// With our driver, as an ordinary user: a pod's, or a host's that has XVideo.
        case driver
        case xvfb
    }

    public let folder: LabFolder
    /// For `DISPLAY`.
    public let name: String
    /// The driver's shared memory.
    public let object: FilePath
    public let process: ChildProcess

    public init(_ kind: Kind, width: Int, height: Int) throws {
        folder = try LabFolder("mediapod-x")
        let object = FilePath("/dev/shm/\(folder.path.lastComponent?.string ?? "mediapod-x")")
        self.object = object
        chmod(folder.path.string, 0o777)
        var command = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=\(folder.path.string)"]
        switch kind {
        case .xvfb: command += ["Xvfb", "-screen", "0", "\(width)x\(height)x24"]
        case .driver:
            let source = LabBroker.repository.appending("display-driver/conf/50-mediapod.conf")
            let text = String(decoding: try Files.read(source, limit: 1 << 16), as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.contains("#Option    \"Size\"")
                    ? "Option \"Size\" \"\(width)x\(height)\"\nOption \"Object\" \"\(object.string)\"" : String(line)
            }
            let conf = folder.appending("conf")
            try Files.makeFolders(conf, permissions: .init(rawValue: 0o755))
            try Files.write(
                conf.appending("50-mediapod.conf"), Array(lines.joined(separator: "\n").utf8),
                permissions: .init(rawValue: 0o644))
            let modules = LabBroker.repository.appending("build/display-driver").string + ",/usr/lib/xorg/modules"
            command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] + command
            command += [
                "/usr/lib/xorg/Xorg", "-configdir", conf.string, "-modulepath", modules, "-logfile",
                folder.appending("log").string,
            ]
        }
        command += ["-displayfd", "1", "-nolisten", "tcp", "-ac", "-noreset"]
        let said = folder.appending("display")
        let errors = folder.appending("error")
        let process = try start(command, output: said, error: errors)
        self.process = process
        try waitUntil("the X server runs: \(text(of: errors))") {
            text(of: said).hasSuffix("\n") || process.hasEnded
        }
        name = ":" + text(of: said).filter(\.isNumber)
        if process.hasEnded { throw Failure("the X server", text(of: errors)) }
    }

    deinit {
        process.send(SIGTERM)
        if !process.wait(milliseconds: 10_000) { process.kill() }
        unlink(object.string)
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
