import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage

/// A sound server, a recorder of all it plays, and a broker: what a test needs to hear a program.
final class SoundHost {
    let folder: LabFolder
    let server: PulseServer
    let recorder: MonitorRecorder
    let broker: LabBroker
    private var players: [ChildProcess] = []

    init(
        rate: Int = 44100, channelMap: [String] = PulseServer.stereo, format: String = "s16le", hasAir: Bool = false,
        policy: SoundPolicy = .portable, options: [String] = []
    ) throws {
        folder = try LabFolder("mediapod-sound")
        server = try PulseServer(
            in: folder.appending("host"), rate: rate, channelMap: channelMap, format: format, hasAir: hasAir)
        recorder = try MonitorRecorder(of: server)
        broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: sink, policy: policy, options: options)
    }

    /// For `--sound`.
    var sink: String { "pulse:\(server.address)" }

    /// Starts a program with the pod's sound device as its default.
    func start(_ program: String, _ arguments: [String], log: FilePath.Component = "program.log") throws -> ChildProcess
    {
        let child = try ChildProcess(
            Command(program, arguments, environment: broker.environment), writingTo: folder.appending(log))
        players.append(child)
        return child
    }

    func text(of log: FilePath.Component) -> String {
        String(decoding: (try? Files.read(folder.appending(log), limit: 1 << 20)) ?? [], as: UTF8.self)
    }

    /// Starts aplay with raw stereo frames of 16 bits.
    func play(_ frames: [UInt32], rate: Int = 44100, options: [String] = []) throws -> ChildProcess {
        // One of its own: another player may still be reading the last one.
        let file = folder.path.appending("sound-\(players.count).raw")
        try Files.write(file, Frames.pack(frames), permissions: .ownerReadWrite)
        let player = try ChildProcess(
            Command(
                "aplay",
                ["-q", "-D", "mediapod", "-t", "raw", "-f", "S16_LE", "-r", "\(rate)", "-c", "2"] + options
                    + [file.string], environment: broker.environment),
            writingTo: folder.appending("aplay.log"))
        players.append(player)
        return player
    }

    /// Waits until the stream has played `frames`.
    func waitUntilPlayed(_ frames: UInt64) throws {
        try waitUntil("\(frames) frames are played") {
            try broker.status().streams.contains { $0.positionFrames >= frames }
        }
    }

    /// What was heard here, when all of it has come through the monitor.
    func finish() throws -> [UInt32] {
        usleep(300_000)
        return try recorder.finish()
    }

    var playerLog: String {
        let bytes = (try? Files.read(folder.appending("aplay.log"), limit: 1 << 16)) ?? []
        return String(decoding: bytes, as: UTF8.self)
    }
}
