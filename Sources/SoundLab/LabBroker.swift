internal import FoundationEssentials
internal import Glibc
public import LinuxSystem
public import SoundControl
public import SystemPackage

/// A sound broker without a pod: programs of this machine reach it through the un-installed ALSA plugin.
public final class LabBroker {
    private let folder: FilePath
    private let podaudio: FilePath
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

    public init(in folder: FilePath) throws {
        self.folder = folder
        podaudio = Self.binaries.appending("podaudio")
        try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder.appending("guest"), permissions: .init(rawValue: 0o755))
        }
        let plugin = Self.repository.appending("build/alsa-plugin/libasound_module_pcm_mediapod.so")
        guard Files.isRegularFile(plugin) else {
            throw Failure("the ALSA plugin", "is not built", remedy: "run make build")
        }
        let configuration = """
            </usr/share/alsa/alsa.conf>
            pcm_type.mediapod { lib "\(plugin.string)" }
            pcm.mediapod { type mediapod socket "\(folder.appending("guest/sound").string)" }
            pcm.!default { type plug slave.pcm "mediapod" }

            """
        try write(configuration, to: "asound.conf")
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

    /// Starts a broker that plays at `sink`; returns when it says that it is ready.
    public func start(sink: String, policy: SoundPolicy = .portable, records: SoundRecords? = nil) throws {
        var arguments = [
            "broker", "--guest", folder.appending("guest").string, "--control", folder.appending("control").string,
            "--sound", sink, "--policy", policy.rawValue,
        ]
        if let records {
            let json = try JSONEncoder().encode(records)
            try write(String(decoding: json, as: UTF8.self), to: "records.json")
            arguments += ["--records", folder.appending("records.json").string]
        }
        try? Files.remove(folder.appending("control"))
        process = try ChildProcess(
            Command(podaudio.string, arguments, environment: PulseServer.environment(home: folder)), writingTo: log)
        try waitUntil("the broker (see \(log.string)) has a sink") {
            guard case .status(let status)? = try? request(.status) else { return false }
            return status.sink.state == "connected"
        }
    }

    @discardableResult
    public func request(_ request: BrokerRequest) throws -> BrokerReply {
        try BrokerClient(socket: folder.appending("control")).request(request)
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
