internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// `make bench-move`: suspend and resume of the music pod beside CRIU alone.
///
/// Each round starts the pod anew for either side, in turn, and works on it when the same music has played for a second:
/// once with `mediapod suspend` and `resume`, once with `criu dump` and `criu restore`.
struct BenchMove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-move", abstract: "Measure suspend and resume beside CRIU alone.")

    @Option(help: "How often the pod is suspended and resumed.")
    var rounds = 9

    private static let pod = "music"

    private struct Phases: Decodable {
        var total: Double
        enum CodingKeys: String, CodingKey { case total = "total_ms" }
    }

    func run() throws {
        let folder = try LabFolder("mediapod-bench")
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"))
        print("bench-move: making a pod with mpg123")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", "mpg123,alsa-utils"])

        var ours: [Ours] = []
        var bare: [BareCriu.Times] = []
        for round in 1...rounds {
            print("bench-move: round \(round) of \(rounds)")
            let measureOurs = { ours.append(try playing(on: host) { try Self.move(on: host) }) }
            let measureBare = {
                bare.append(
                    try playing(on: host) {
                        try BareCriu(pod: Self.pod, on: host, scratch: folder.path).measure()
                    })
            }
            // Each goes first as often as the other.
            if round.isMultiple(of: 2) { try measureBare() }
            try measureOurs()
            if !round.isMultiple(of: 2) { try measureBare() }
        }
        try publish(ours, bare)
    }

    /// What a suspend and a resume took, ms.
    private struct Ours {
        /// From its first step to the commit, as the engine says.
        var suspend: Double
        /// The whole command.
        var resume: Double
        /// From the resume command's start to the first frame that the sound server played.
        var firstFrame: Double
    }

    /// Starts the pod and the music in it, measures, and ends the pod.
    private func playing<Value>(on host: LabHost, _ measure: () throws -> Value) throws -> Value {
        try host.must(["run", Self.pod, "--detach", "--sound", host.sound])
        // It may have ended by then.
        defer { _ = try? host.run(["stop", Self.pod]) }
        let music = LabBroker.repository.appending("testdata/music.mp3")
        try host.must(["cp", music.string, "\(Self.pod):/root/music.mp3"])
        let player = ["mpg123", "-q", "-o", "alsa", "--loop", "-1", "/root/music.mp3"]
        try host.must(["exec", Self.pod, "--detach", "--"] + player)
        try host.waitUntilPlayed(44100, pod: Self.pod)
        return try measure()
    }

    private static func move(on host: LabHost) throws -> Ours {
        let position = host.status(of: pod)?.streams.first?.positionFrames ?? 0
        let suspended = try host.must(["suspend", pod, "--format", "json"])
        let phases = try JSONDecoder().decode(Phases.self, from: Data(suspended.output.utf8))
        try host.recordAnew()
        let resumed = try host.must(["resume", pod, "--detach", "--sound", host.sound, "--format", "json"])
        try host.waitUntilPlayed(position + 22050, pod: pod)
        let recorded = try host.recorder.finish()
        guard let first = recorded.firstIndex(where: { $0 != 0 }), let time = host.recorder.time(ofFrame: first) else {
            throw Failure("bench-move", "nothing was heard after the resume")
        }
        try host.recordAnew()
        return Ours(
            suspend: phases.total, resume: resumed.milliseconds,
            firstFrame: Double(Int64(time) - Int64(resumed.started)) / 1e6)
    }

    private func publish(_ ours: [Ours], _ bare: [BareCriu.Times]) throws {
        let second = ours.map { _ in 1000.0 }
        try BenchReport(
            benchmark: "move", rounds: rounds,
            figures: [
                BenchFigure(
                    "suspend to commit", unit: "ms", ours: ours.map(\.suspend), peer: bare.map(\.dump),
                    peerName: "bare criu dump", goal: 1.5),
                BenchFigure(
                    "resume, the whole command", unit: "ms", ours: ours.map(\.resume), peer: bare.map(\.restore),
                    peerName: "bare criu restore", goal: 1.5),
                BenchFigure(
                    "resume to the first frame heard", unit: "ms", ours: ours.map(\.firstFrame),
                    peer: bare.map(\.restore),
                    peerName: "bare criu restore", goal: 1.5),
                BenchFigure(
                    "suspend to commit", unit: "ms", ours: ours.map(\.suspend), peer: second, peerName: "one second",
                    goal: 1),
                BenchFigure(
                    "resume to the first frame heard", unit: "ms", ours: ours.map(\.firstFrame), peer: second,
                    peerName: "one second", goal: 1),
            ]
        ).publish()
    }
}
