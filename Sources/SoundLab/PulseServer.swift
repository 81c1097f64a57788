internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A private PulseAudio with one null sink: what a host's sound is in a test.
///
/// `norewinds`: without it a null sink takes rendered sound back when a stream changes, and its monitor repeats
/// or skips what nobody's ears would have heard twice. With `rendersAhead` it is as PulseAudio has it by default: while nobody
/// asks for less, two seconds are rendered ahead, of which a stream that begins can take back 50 ms only.
public final class PulseServer: LabSoundServer {
    public let folder: FilePath
    public let rate: Int
    /// Of the sink: its channels, by PulseAudio's names, and its sample format.
    public let channelMap: [String]
    public let format: String
    private let process: ChildProcess
    /// Of the sink, which is the server's only one.
    public static let sinkName = "out"

    /// Of another null sink, whose monitor is the server's default source: what is played there is what can be recorded.
    public static let airName = "air"

    public static let stereo = ["front-left", "front-right"]
    /// 5.1 in ALSA's order.
    public static let surround51 = ["front-left", "front-right", "rear-left", "rear-right", "front-center", "lfe"]
    public static let surround71 = surround51 + ["side-left", "side-right"]

    /// Starts it in `folder`, which holds its socket and its state; returns when it answers. `rate` in Hz.
    public init(
        in folder: FilePath, rate: Int = 44100, channelMap: [String] = PulseServer.stereo, format: String = "s16le",
        hasAir: Bool = false, rendersAhead: Bool = false
    ) throws {
        self.folder = folder
        self.rate = rate
        self.channelMap = channelMap
        self.format = format
        try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        }
        let socket = folder.appending("socket")
        let log = folder.appending("pulse.log")
        let command = Command(
            "pulseaudio",
            [
                "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-level=warn",
                "--high-priority=no",
                "-L", "module-native-protocol-unix socket=\(socket.string) auth-anonymous=1",
                "-L",
                Self.nullSink(Self.sinkName, rate, channelMap, format) + (rendersAhead ? "" : " norewinds=1"),
            ] + (hasAir ? ["-L", Self.nullSink(Self.airName, rate, channelMap, format) + " norewinds=1"] : []),
            environment: Self.environment(home: folder))
        process = try ChildProcess(command, writingTo: log)
        try waitUntil("PulseAudio in \(folder.string) answers (see \(log.string))") {
            (try? UnixSocket.connect(to: socket, kind: .stream)) != nil
        }
        if hasAir {
            try control(["set-default-sink", Self.sinkName])
            try control(["set-default-source", "\(Self.airName).monitor"])
        }
    }

    private static func nullSink(_ name: String, _ rate: Int, _ channelMap: [String], _ format: String) -> String {
        "module-null-sink sink_name=\(name) rate=\(rate) format=\(format) channels=\(channelMap.count) "
            + "channel_map=\(channelMap.joined(separator: ","))"
    }

    /// Runs `pactl` at this server; what it printed.
    @discardableResult
    public func control(_ arguments: [String]) throws -> String {
        String(
            decoding: try Pipeline.output(
                of: Command("pactl", ["--server=\(address)"] + arguments, environment: Self.environment(home: folder))),
            as: UTF8.self)
    }

    public var address: String { "unix:\(folder.appending("socket").string)" }

    public var pid: Int32 { process.pid }

    public var pids: [Int32] { [pid] }

    public func kill() {
        process.kill()
        process.wait()
    }

    /// This process's, but with a home of its own.
    static func environment(home: FilePath) -> [String] {
        var variables: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !["HOME=", "XDG_RUNTIME_DIR=", "MEDIAPOD_GUEST=", "PULSE_", "DISPLAY=", "DBUS_"].contains(
                where: text.hasPrefix)
            {
                variables.append(text)
            }
            next += 1
        }
        return variables + ["HOME=\(home.string)", "XDG_RUNTIME_DIR=\(home.string)"]
    }
}

extension ChildProcess {
    /// Starts a program without input whose output goes to the end of a file.
    ///
    /// - Parameter kept: a descriptor that it gets as number 3.
    public convenience init(_ command: Command, writingTo file: FilePath, keeping kept: Int32 = -1) throws {
        let null = try attempt("open", "/dev/null") { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open("/dev/null", O_RDONLY | O_CLOEXEC) })
        }
        let output = try attempt("write", file.string) { () throws(Errno) in
            OwnedDescriptor(
                adopting: try retrying { open(file.string, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) })
        }
        try self.init(command, input: null.number, output: output.number, error: output.number, keeping: kept)
    }
}

/// Looks again and again until `condition` holds; throws when it does not within `seconds`.
public func waitUntil(_ what: String, seconds: Double = 30, _ condition: () throws -> Bool) throws {
    let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1_000_000_000)
    while try !condition() {
        guard MonotonicClock.nanoseconds < deadline else {
            throw Failure(what, "not within \(Int(seconds)) s")
        }
        usleep(2000)
    }
}
