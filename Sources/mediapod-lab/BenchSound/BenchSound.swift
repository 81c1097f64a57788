internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make bench-sound`: the pod's PCM beside alsa-plugins' `pulse` PCM, by the same programs at the same server, in turn.
struct BenchSound: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-sound", abstract: "Measure the sound device beside the alsa-plugins pulse PCM.")

    enum Part: String, CaseIterable, ExpressibleByArgument {
        /// Processor time of a stream in a pod, of one and of sixteen streams without one, and without a broker.
        case cpu
        /// Underruns by buffer size.
        case xruns
        /// How long it takes to stop at an exact position.
        case detach
        /// `snd_pcm_delay` against what is heard.
        case delay
        /// Rate converters: quality and speed.
        case converters
    }

    @Option(help: "Rounds; each plays once by either way.")
    var rounds = 5

    @Option(help: "How long each plays, s.")
    var seconds = 10

    @Option(help: "Only this part: \(Part.allCases.map(\.rawValue).joined(separator: ", ")).")
    var part: [Part] = []

    func run() throws {
        let parts = part.isEmpty ? Part.allCases : part
        var figures: [BenchFigure] = []
        for part in parts {
            say("\(part.rawValue)")
            switch part {
            case .cpu:
                figures += try PodCPU(rounds: rounds, seconds: seconds).measure()
                figures += try StreamCPU(rounds: rounds, seconds: seconds).measure()
            case .xruns: figures += try Underruns(rounds: max(3, rounds / 2), seconds: 15).measure()
            case .detach: figures += try Detaching(tries: 20).measure()
            case .delay: figures += try DelayError(tries: rounds * 2).measure()
            case .converters: figures += try Converters(rounds: rounds).measure()
            }
        }
        try BenchReport(benchmark: "sound", rounds: rounds, figures: figures).publish()
    }
}

func say(_ text: String) { print("bench-sound: \(text)") }

/// A server, a broker that plays there without a pod, and the peer's PCM at the same server; names for both in one
/// configuration of alsa-lib's.
final class SoundStage {
    static let rate = 48000
    static let ours = "mediapod"
    static let peer = "peer"
    static let peerName = "alsa-plugins pulse"

    let folder: LabFolder
    private(set) var server: PulseServer
    let broker: LabBroker
    private let configuration: FilePath

    init() throws {
        folder = try LabFolder("mediapod-bench")
        server = try PulseServer(in: folder.appending("host"), rate: Self.rate)
        broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "pulse:\(server.address)")
        configuration = folder.appending("both.conf")
        // It hides underruns from programs unless it is told not to.
        try write(
            """
            <\(folder.appending("broker").appending("asound.conf").string)>
            pcm.\(Self.peer) { type pulse server "\(server.address)" handle_underrun 1 }

            """, to: configuration)
    }

    /// For programs, and for alsa-lib in this process.
    var environment: [String] {
        broker.environment.filter { !$0.hasPrefix("ALSA_CONFIG_PATH=") } + ["ALSA_CONFIG_PATH=\(configuration.string)"]
    }

    var configurationPath: String { configuration.string }

    func serverAnew() throws {
        server.kill()
        server = try PulseServer(in: folder.appending("host"), rate: Self.rate)
    }

    func write(_ text: String, to file: FilePath) throws {
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Array(text.utf8), permissions: .init(rawValue: 0o644))
        }
    }

    /// Noise of this length, s, in a file.
    func noise(seconds: Int) throws -> FilePath {
        let file = folder.path.appending("noise-\(seconds).raw")
        if !Files.isRegularFile(file) {
            try attempt("write", file.string) { () throws(Errno) in
                try Files.write(
                    file, Frames.pack(Frames.noise(count: Self.rate * seconds)), permissions: .init(rawValue: 0o644))
            }
        }
        return file
    }

    static func aplay(_ pcm: String, _ file: String, _ options: [String] = []) -> [String] {
        ["aplay", "-D", pcm, "-t", "raw", "-f", "S16_LE", "-r", "\(rate)", "-c", "2"] + options + [file]
    }

    /// Starts aplay at `pcm`; what it says goes to `log`.
    func play(_ pcm: String, _ file: FilePath, options: [String] = [], log: FilePath) throws -> ChildProcess {
        let words = Self.aplay(pcm, file.string, options)
        try? Files.remove(log)
        return try ChildProcess(
            Command(words[0], Array(words.dropFirst()), environment: environment), writingTo: log)
    }
}
