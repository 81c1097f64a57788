internal import ArgumentParser
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// A PCM beside ours.
enum BenchPeer: String {
    case pulse
    case pipeWire = "pipewire"

    var name: String {
        switch self {
        case .pulse: "alsa-plugins pulse"
        case .pipeWire: "pipewire-alsa"
        }
    }

    /// Defines it, under a name that is none of the host's, for a configuration of alsa-lib's.
    func pcm(at server: any LabSoundServer) -> String {
        switch self {
        case .pulse:
            // It hides underruns from programs unless it is told not to.
            return "pcm.\(id) { type pulse server \"\(server.address)\" handle_underrun 1 }"
        case .pipeWire:
            return """
                pcm_type.pipewire { lib "\(Self.pipeWirePlugin.string)" }
                pcm.\(id) { type pipewire server "\(server.folder.appending("pipewire-0").string)" }
                """
        }
    }

    /// What programs call it.
    var id: String { "peer-\(rawValue)" }

    /// Where `make setup` puts it: not where alsa-lib would find it, nor with Debian's two files in /etc/alsa/conf.d.
    /// One of those makes it the default PCM of all programs of the host.
    static let pipeWirePlugin: FilePath = "/opt/mediapod/peers/pipewire-alsa/libasound_module_pcm_pipewire.so"
}

/// Where a benchmark's programs play.
struct BenchServer {
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case pulseAudio = "pulseaudio"
        case pipeWire = "pipewire"

        func start(in folder: FilePath) throws -> any LabSoundServer {
            switch self {
            case .pulseAudio: try PulseServer(in: folder, rate: SoundStage.rate)
            // Shorter than the shortest buffer that is played, and the monitor tells when a frame was heard no more
            // exactly than that.
            case .pipeWire: try PipeWireServer(in: folder, quantum: 480)
            }
        }
    }

    let kind: Kind
    /// Each has a row of its own in what is measured.
    let peers: [BenchPeer]

    static let pulseAudio = BenchServer(kind: .pulseAudio, peers: [.pulse])

    /// PipeWire with its server for PulseAudio's protocol, where ours plays as at PulseAudio; `nil` where it does not
    /// start. A machine need not have it: what is missing is said, and the rest is measured.
    static func pipeWire() -> BenchServer? {
        let all = BenchServer(kind: .pipeWire, peers: [.pulse, .pipeWire])
        let stage: SoundStage
        do {
            stage = try SoundStage(at: all)
        } catch {
            say("nothing is measured at PipeWire, which does not start here: \(error)")
            return nil
        }
        do {
            let log = stage.folder.appending("try.log")
            guard Files.isRegularFile(BenchPeer.pipeWirePlugin) else {
                throw Failure(BenchPeer.pipeWirePlugin.string, "is not there", remedy: "run make setup")
            }
            let player = try stage.play(BenchPeer.pipeWire.id, try stage.noise(seconds: 1), log: log)
            guard player.wait(milliseconds: 10_000), player.wait().isSuccess else {
                let text = (try? Files.read(log, limit: 1 << 16)) ?? []
                throw Failure("aplay", "did not play: \(String(decoding: text, as: UTF8.self))")
            }
            return all
        } catch {
            say("\(BenchPeer.pipeWire.name) is not measured, which does not start here: \(error)")
            return BenchServer(kind: .pipeWire, peers: [.pulse])
        }
    }

    /// The name of a figure that was measured here.
    func name(_ figure: String) -> String {
        switch kind {
        case .pulseAudio: figure
        case .pipeWire: "\(figure), at PipeWire"
        }
    }

    /// The second server is a check of the first one's figures, and need not take as long.
    func rounds(_ rounds: Int) -> Int {
        switch kind {
        case .pulseAudio: rounds
        case .pipeWire: min(rounds, 3)
        }
    }
}
