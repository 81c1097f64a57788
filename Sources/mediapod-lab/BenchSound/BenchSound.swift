internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make bench-sound`: the pod's PCM beside alsa-plugins' `pulse` PCM and, where PipeWire starts, pipewire-alsa's, by the
/// same programs at the same server, in turn.
struct BenchSound: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-sound", abstract: "Measure the sound device beside alsa-plugins' and PipeWire's PCMs.")

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

    @Option(help: "Only at this server: \(BenchServer.Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var server: [BenchServer.Kind] = []

    func run() throws {
        let parts = part.isEmpty ? Part.allCases : part
        let servers = (server.isEmpty ? BenchServer.Kind.allCases : server).compactMap { kind in
            switch kind {
            case .pulseAudio: BenchServer.pulseAudio
            case .pipeWire: BenchServer.pipeWire()
            }
        }
        var figures: [BenchFigure] = []
        for part in parts {
            say("\(part.rawValue)")
            switch part {
            case .cpu:
                if servers.contains(where: { $0.kind == .pulseAudio }) {
                    figures += try PodCPU(rounds: rounds, seconds: seconds).measure()
                }
                for server in servers {
                    figures += try StreamCPU(server: server, rounds: server.rounds(rounds), seconds: seconds).measure()
                }
            case .xruns:
                for server in servers {
                    for isLoaded in [false, true] {
                        figures += try Underruns(server: server, rounds: max(3, rounds / 2), isLoaded: isLoaded)
                            .measure()
                    }
                }
            case .detach: figures += try Detaching(tries: 20).measure()
            case .delay:
                for server in servers {
                    figures += try DelayError(server: server, tries: server.rounds(rounds) * 2).measure()
                }
            case .converters: figures += try Converters(rounds: rounds).measure()
            }
        }
        try BenchReport(benchmark: "sound", rounds: rounds, figures: figures).publish()
    }
}

func say(_ text: String) { print("bench-sound: \(text)") }
