internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// A server, a broker that plays there without a pod, and the peers' PCMs at the same server; names for all of them in
/// one configuration of alsa-lib's.
final class SoundStage {
    static let rate = 48000
    static let ours = "mediapod"

    let folder: LabFolder
    let peers: [BenchPeer]
    private(set) var server: any LabSoundServer
    let broker: LabBroker
    private let kind: BenchServer.Kind
    private let configuration: FilePath

    init(at place: BenchServer = .pulseAudio) throws {
        folder = try LabFolder("mediapod-bench")
        kind = place.kind
        peers = place.peers
        server = try kind.start(in: folder.appending("host"))
        broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "pulse:\(server.address)")
        configuration = folder.appending("all.conf")
        let ours = "<\(folder.appending("broker").appending("asound.conf").string)>"
        let names = [ours] + peers.map { $0.pcm(at: server) }
        try write(names.joined(separator: "\n") + "\n", to: configuration)
    }

    /// For programs, and for alsa-lib in this process.
    var environment: [String] {
        broker.environment.filter { !$0.hasPrefix("ALSA_CONFIG_PATH=") } + ["ALSA_CONFIG_PATH=\(configuration.string)"]
    }

    var configurationPath: String { configuration.string }

    func serverAnew() throws {
        server.kill()
        server = try kind.start(in: folder.appending("host"))
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
