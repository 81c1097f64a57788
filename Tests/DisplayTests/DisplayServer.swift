import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// Every test here starts servers of its own, and the machine has two processors: one at a time.
@Suite(.serialized) enum DisplayTests {}

/// An X server as an ordinary user: Xorg with our driver, or Xvfb to compare it with. Ended with this object.
final class DisplayServer {
    enum Kind {
        /// - Parameter modules: the folder with the driver, another than the built one's for one with sanitizers.
        case mediapod(modules: FilePath? = nil)
        case xvfb
    }

    let folder: LabFolder
    /// For `DISPLAY`.
    let name: String
    /// Where the object lies; nothing for Xvfb.
    let object: FilePath
    private let process: ChildProcess

    var log: String { Self.text(folder.appending("log")) + Self.text(folder.appending("output")) }
    var pid: Int32 { process.pid }
    var hasEnded: Bool { process.hasEnded }

    /// - Parameters:
    ///   - size: of the screen, pixels.
    ///   - environment: added to the server's, `NAME=value`.
    ///   - options: more of the server's.
    ///   - object: where its memory is, else in a place of its own.
    init(
        _ kind: Kind = .mediapod(), size: (Int, Int) = (640, 480), environment: [String] = [], options: [String] = [],
        object place: FilePath? = nil
    ) throws {
        folder = try LabFolder("mediapod-display")
        object = place ?? FilePath("/dev/shm/\(folder.path.lastComponent?.string ?? "mediapod-display")")
        chmod(folder.path.string, 0o777)
        var command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "env", "-i"]
        command += ["PATH=/usr/bin:/bin", "HOME=\(folder.path.string)"] + environment
        switch kind {
        case .mediapod(let modules):
            try Self.configure(folder, object: object, size: size)
            let path = [modules ?? Self.modules, "/usr/lib/xorg/modules"].map(\.string).joined(separator: ",")
            command += [
                "/usr/lib/xorg/Xorg", "-configdir", folder.appending("conf").string, "-modulepath", path, "-logfile",
                folder.appending("log").string,
            ]
        case .xvfb: command += ["Xvfb", "-screen", "0", "\(size.0)x\(size.1)x24"]
        }
        // The server chooses a free display, and says which when it is ready.
        command += ["-displayfd", "1", "-nolisten", "tcp", "-ac"] + (options.isEmpty ? ["-noreset"] : options)
        let said = folder.appending("display")
        let output = try Files.openForWriting(said)
        let errors = try Files.openForWriting(folder.appending("output"))
        let null = try Files.openForReading("/dev/null")
        let process = try ChildProcess(
            Command(command[0], Array(command.dropFirst())), input: null.number, output: output.number,
            error: errors.number)
        try waitUntil("the X server runs: \(Self.text(folder.appending("output")))") {
            Self.text(said).hasSuffix("\n") || process.hasEnded
        }
        name = ":" + Self.text(said).filter(\.isNumber)
        self.process = process
        if process.hasEnded { throw Failure("the X server", "ended: \(log)") }
    }

    deinit {
        stop()
        unlink(object.string)
    }

    /// Ends it in good order.
    func stop() {
        process.send(SIGTERM)
        if !process.wait(milliseconds: 20_000) { process.kill() }
    }

    func kill() { process.kill() }

    /// The driver as it was built.
    static var modules: FilePath { LabBroker.repository.appending("build/display-driver") }

    private static func configure(_ folder: LabFolder, object: FilePath, size: (Int, Int)) throws {
        let source = LabBroker.repository.appending("display-driver/conf/50-mediapod.conf")
        let text = self.text(source).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.contains("#Option    \"Size\"")
                ? "Option \"Size\" \"\(size.0)x\(size.1)\"\nOption \"Object\" \"\(object.string)\"" : String(line)
        }
        let conf = folder.appending("conf")
        try Files.makeFolders(conf, permissions: .init(rawValue: 0o755))
        try Files.write(
            conf.appending("50-mediapod.conf"), Array(text.joined(separator: "\n").utf8),
            permissions: .init(rawValue: 0o644))
    }

    static func text(_ file: FilePath) -> String {
        String(decoding: (try? Files.read(file, limit: 1 << 22)) ?? [], as: UTF8.self)
    }
}
