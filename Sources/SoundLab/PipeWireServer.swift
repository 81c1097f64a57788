internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// A private PipeWire with one null sink, its session manager, and its server for PulseAudio's protocol.
public final class PipeWireServer: LabSoundServer {
    public let folder: FilePath
    public let rate = 48000
    public let channelMap = PulseServer.stereo
    /// Of its monitor's recording; itself it counts in floating point.
    public let format = "s16le"
    /// The last one depends on those before it.
    private var processes: [ChildProcess] = []

    /// Starts it in `folder`; returns when its sink is the default one. `quantum`: frames of each cycle, where that is not
    /// to be the configuration's, which is long.
    public init(in folder: FilePath, quantum: Int? = nil) throws {
        self.folder = folder
        try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        }
        let configuration = LabBroker.repository.appending("testdata/pipewire")
        let environment =
            PulseServer.environment(home: folder) + [
                "PIPEWIRE_CONFIG_DIR=\(configuration.string)",
                "WIREPLUMBER_CONFIG_DIR=\(configuration.appending("wireplumber").string)",
            ]
        func start(_ program: String) throws {
            let command = Command(program, ["-c", "\(program).conf"], environment: environment)
            processes.append(try ChildProcess(command, writingTo: log))
        }
        try start("pipewire")
        let socket = folder.appending("pipewire-0")
        try waitUntil("PipeWire in \(folder.string) answers (see \(log.string))") {
            (try? UnixSocket.connect(to: socket, kind: .stream)) != nil
        }
        try start("wireplumber")
        try start("pipewire-pulse")
        try waitUntil("PipeWire in \(folder.string) has a default sink (see \(log.string))") {
            try defaultSink() == PulseServer.sinkName
        }
        guard let quantum else { return }
        let command = Command(
            "pw-metadata", ["-n", "settings", "0", "clock.force-quantum", "\(quantum)"],
            environment: PulseServer.environment(home: folder))
        guard try ChildProcess(command, writingTo: log).wait().isSuccess else {
            throw Failure("pw-metadata", "failed", remedy: "see \(log.string)")
        }
    }

    deinit { kill() }

    public var pids: [Int32] { processes.map(\.pid) }

    public func kill() {
        while let last = processes.popLast() {
            last.kill()
            last.wait()
        }
    }

    public var address: String { "unix:\(folder.appending("pulse/native").string)" }

    private var log: FilePath { folder.appending("pipewire.log") }

    /// `nil` while the server does not answer.
    private func defaultSink() throws -> String? {
        let output = folder.appending("pactl.log")
        try? Files.remove(output)
        let command = Command(
            "pactl", ["--server=\(address)", "get-default-sink"], environment: PulseServer.environment(home: folder))
        guard try ChildProcess(command, writingTo: output).wait().isSuccess else { return nil }
        let bytes = try attempt("read", output.string) { () throws(Errno) in try Files.read(output, limit: 4096) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}
