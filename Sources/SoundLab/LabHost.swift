internal import FoundationEssentials
internal import Glibc
public import LinuxSystem
public import SoundControl
public import SystemPackage

/// A host as the engine knows one: a runtime folder and a place for sound. Several on one machine share nothing but
/// the device.
public final class LabHost {
    public let name: String
    public let folder: FilePath
    public let server: PulseServer
    public private(set) var recorder: MonitorRecorder
    public let device: FilePath
    /// Whether what commands say of their progress goes to this process's own standard error.
    public var showsProgress = false

    /// Added to the environment of what runs here: `NAME=value`.
    public var extraEnvironment: [String] = []

    /// What a command printed and how it ended.
    public struct Result: Sendable {
        public var status: ExitStatus
        public var output: String
        public var error: String
        /// From its start to its end, ms.
        public var milliseconds: Double
        /// When it was started, ns of CLOCK_MONOTONIC.
        public var started: UInt64
    }

    /// Starts the host's sound and begins to record it. `rate` in Hz.
    public init(
        _ name: String, in folder: FilePath, device: FilePath, rate: Int = 44100,
        channelMap: [String] = PulseServer.stereo, hasAir: Bool = false
    ) throws {
        self.name = name
        self.folder = folder
        self.device = device
        server = try PulseServer(in: folder.appending("sound"), rate: rate, channelMap: channelMap, hasAir: hasAir)
        recorder = try MonitorRecorder(of: server)
    }

    public var runtime: FilePath { folder.appending("run") }

    /// For `--sound`.
    public var sound: String { card.map { "alsa:\($0)" } ?? "pulse:\(server.address)" }

    /// Where it is not to be the server: a PCM of the host's own ALSA.
    private var card: String?

    /// From now on the host's sound is a PCM of its ALSA, which stands for a card, and is heard where its server was.
    public func useCard(_ name: String) throws {
        let file = folder.appending("asound.conf")
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(
                file, Array("pcm.\(name) { type pulse server \"\(server.address)\" }\n".utf8),
                permissions: .init(rawValue: 0o644))
        }
        extraEnvironment.append("ALSA_CONFIG_PATH=\(file.string)")
        card = name
    }

    /// This process's environment as it is on this host.
    public var environment: [String] {
        PulseServer.environment(home: folder)
            + [
                "MEDIAPOD_RUNTIME=\(runtime.string)", "MEDIAPOD_DEVICE=\(device.string)",
                "PULSE_SERVER=\(server.address)",
            ] + extraEnvironment
    }

    /// Runs one of the built executables here and waits for its end.
    @discardableResult
    public func run(_ arguments: [String], program: String = "mediapod", input: String = "") throws -> Result {
        let scratch = try LabFolder("mediapod-run")
        let output = scratch.appending("output")
        let error = scratch.appending("error")
        let inputFile = scratch.appending("input")
        try attempt("write", inputFile.string) { () throws(Errno) in
            try Files.write(inputFile, Array(input.utf8), permissions: .ownerReadWrite)
        }
        let started = MonotonicClock.nanoseconds
        let child = try start(arguments, program: program, input: inputFile, output: output, error: error)
        let status = child.wait()
        let ended = MonotonicClock.nanoseconds
        return Result(
            status: status, output: try Self.text(of: output), error: try Self.text(of: error),
            milliseconds: Double(ended - started) / 1e6, started: started)
    }

    /// The same, for a command that must succeed: throws what it said when it does not.
    @discardableResult
    public func must(_ arguments: [String], program: String = "mediapod") throws -> Result {
        let result = try run(arguments, program: program)
        guard result.status.isSuccess else {
            throw Failure(
                "\(program) \(arguments.joined(separator: " "))", "\(result.status) on host \(name): \(result.error)")
        }
        return result
    }

    /// Starts one of the built executables here. An input of `nil` is /dev/null.
    public func start(
        _ arguments: [String], program: String = "mediapod", input: FilePath? = nil, output: FilePath, error: FilePath
    ) throws -> ChildProcess {
        let path = LabBroker.binaries.appending(program).string
        let standardInput = try Self.open(input ?? "/dev/null", O_RDONLY)
        let standardOutput = try Self.open(output, O_WRONLY | O_CREAT | O_TRUNC)
        let standardError =
            showsProgress ? try Self.duplicate(2) : try Self.open(error, O_WRONLY | O_CREAT | O_TRUNC)
        return try ChildProcess(
            Command(path, arguments, name: program, environment: environment), input: standardInput.number,
            output: standardOutput.number, error: standardError.number)
    }

    /// What `podaudio status` says of a pod here; `nil` while there is no broker.
    public func status(of pod: String) -> BrokerStatus? {
        guard let result = try? run(["status", "--pod", pod, "--format", "json"], program: "podaudio"),
            result.status.isSuccess
        else { return nil }
        return try? JSONDecoder().decode(BrokerStatus.self, from: Data(result.output.utf8))
    }

    /// Waits until some stream of the pod has played `frames`.
    public func waitUntilPlayed(_ frames: UInt64, pod: String, seconds: Double = 120) throws {
        try waitUntil("pod \(pod) on host \(name) has played \(frames) frames", seconds: seconds) {
            usleep(20000)
            return status(of: pod)?.streams.contains { $0.positionFrames >= frames } ?? false
        }
    }

    /// Waits until nothing plays any more.
    public func waitUntilSilent(pod: String, seconds: Double = 120) throws {
        try waitUntil("pod \(pod) on host \(name) has played to the end", seconds: seconds) {
            usleep(50000)
            return status(of: pod)?.streams.isEmpty ?? false
        }
    }

    /// A new recording; the old one is forgotten.
    public func recordAnew() throws {
        _ = try recorder.finish()
        recorder = try MonitorRecorder(of: server)
    }

    private static func open(_ path: FilePath, _ flags: Int32) throws -> OwnedDescriptor {
        try attempt("open", path.string) { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { Glibc.open(path.string, flags | O_CLOEXEC, 0o644) })
        }
    }

    private static func duplicate(_ descriptor: Int32) throws -> OwnedDescriptor {
        try attempt("use", "standard error") { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) })
        }
    }

    private static func text(of file: FilePath) throws -> String {
        // There is none where it went to the terminal.
        guard Files.isRegularFile(file) else { return "" }
        let bytes = try attempt("read", file.string) { () throws(Errno) in try Files.read(file, limit: 1 << 24) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
