internal import FoundationEssentials
internal import Glibc
public import LinuxSystem
public import SoundControl
public import SystemPackage

/// A sound broker without a pod: programs of this machine reach it through the un-installed ALSA plugin.
public final class LabBroker {
    private let folder: FilePath
    private let podaudio: FilePath
    /// Held as the engine's supervisor does: programs wait in it while there is no broker.
    private let listener: OwnedDescriptor
    private var process: ChildProcess?

    /// The folder with the built executables.
    public static var binaries: FilePath {
        // Tests and mediapod-lab lie there themselves.
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let executable = FilePath(
            String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        if executable.removingLastComponent().lastComponent?.string == "release" {
            return executable.removingLastComponent()
        }
        return repository.appending(".build/release")
    }

    /// The checkout: the nearest folder above the working folder, or this one, that has a Package.swift.
    public static var repository: FilePath {
        var folder = FilePath(FileManager.default.currentDirectoryPath)
        while !Files.isRegularFile(folder.appending("Package.swift")), folder.removeLastComponent() {}
        return folder
    }

    /// Its programs load the ALSA plugins that lie in `plugins`.
    public init(in folder: FilePath, plugins: FilePath = LabBroker.plugins) throws {
        self.folder = folder
        podaudio = Self.binaries.appending("podaudio")
        listener = try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
            return try UnixSocket.listen(
                at: folder.appending("sound"), kind: .sequentialPacket, permissions: .ownerReadWrite)
        }
        for kind in ["pcm", "ctl"] where !Files.isRegularFile(plugins.appending(Self.plugin(kind))) {
            throw Failure("the ALSA plugin", "is not built", remedy: "run make build")
        }
        let socket = folder.appending("sound").string
        let configuration = """
            </usr/share/alsa/alsa.conf>
            pcm_type.mediapod { lib "\(plugins.appending(Self.plugin("pcm")).string)" }
            ctl_type.mediapod { lib "\(plugins.appending(Self.plugin("ctl")).string)" }
            pcm.mediapod { type mediapod socket "\(socket)" }
            ctl.mediapod { type mediapod socket "\(socket)" }
            pcm.!default { type plug slave.pcm "mediapod" }
            ctl.!default { type mediapod socket "\(socket)" }

            """
        try write(configuration, to: "asound.conf")
    }

    /// Where `make build` leaves the ALSA plugins.
    public static var plugins: FilePath { repository.appending("build/alsa-plugin") }

    private static func plugin(_ kind: String) -> FilePath.Component {
        FilePath.Component("libasound_module_\(kind)_mediapod.so") ?? "plugin"
    }

    private func write(_ text: String, to name: FilePath.Component) throws {
        try attempt("write", name.string) { () throws(Errno) in
            try Files.write(folder.appending(name), Array(text.utf8), permissions: .ownerReadWrite)
        }
    }

    /// What a program needs in its environment to play here.
    public var environment: [String] {
        PulseServer.environment(home: folder) + ["ALSA_CONFIG_PATH=\(alsaConfiguration.string)"]
    }

    /// An ALSA configuration with a PCM `mediapod`.
    public var alsaConfiguration: FilePath { folder.appending("asound.conf") }

    public var pid: Int32? { process?.pid }
    public var log: FilePath { folder.appending("broker.log") }
    public var control: FilePath { folder.appending("control") }
    /// The pod's way in.
    public var socket: FilePath { folder.appending("sound") }
    /// What a broker keeps for the one after its death.
    public var memory: FilePath { folder.appending("memory.json") }

    /// Starts a broker that plays at `sink`; returns when it says that it is ready.
    ///
    /// - Parameter remembers: what is said to it counts for a later one that remembers too, more than what that is
    ///   started with.
    public func start(
        sink: String, policy: SoundPolicy = .portable, records: SoundRecords? = nil, remembers: Bool = false,
        options: [String] = []
    ) throws {
        var arguments =
            [
                "broker", "--listen-fd", "3", "--control", control.string,
                "--sound", sink, "--policy", policy.rawValue,
            ] + options
        if let records {
            let json = try JSONEncoder().encode(records)
            try write(String(decoding: json, as: UTF8.self), to: "records.json")
            arguments += ["--records", folder.appending("records.json").string]
        }
        if remembers { arguments += ["--memory", memory.string] }
        try? Files.remove(control)
        process = try ChildProcess(
            Command(podaudio.string, arguments, environment: PulseServer.environment(home: folder)), writingTo: log,
            keeping: listener.number)
        try waitUntil("the broker (see \(log.string)) has a sink") {
            guard case .status(let status)? = try? request(.status) else { return false }
            return status.sink.state == "connected"
        }
    }

    @discardableResult
    public func request(_ request: BrokerRequest) throws -> BrokerReply {
        try BrokerClient(socket: control).request(request)
    }

    public func status() throws -> BrokerStatus {
        guard case .status(let status) = try request(.status) else { throw Failure("the broker", "gave no status") }
        return status
    }

    /// Stops the sound, lets go of the programs and ends.
    public func leave() throws -> SoundRecords {
        try request(.hold)
        guard case .records(let records) = try request(.detach) else {
            throw Failure("the broker", "gave no records")
        }
        try request(.quit)
        process?.wait()
        process = nil
        return records
    }

    /// Asks it to end by SIGTERM; how it ended, or `nil` when it had not within ten seconds.
    public func terminate() -> ExitStatus? {
        process?.send(SIGTERM)
        return process?.wait(milliseconds: 10_000) == true ? process?.status : nil
    }

    public func kill() {
        process?.kill()
        process?.wait()
        process = nil
    }
}
