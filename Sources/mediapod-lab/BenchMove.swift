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
/// CRIU's share is taken in the very same operation: a wrapper notes when the CRIU process that runc started began and
/// ended. So both work on the same pod, in the same state, at the same moment.
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
        let times = folder.appending("criu-times")
        let criu = try wrapper(in: folder.path, noting: times)
        setenv("MEDIAPOD_CRIU", criu.string, 1)
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"))
        print("bench-move: making a pod with mpg123")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", "mpg123,alsa-utils"])
        try host.must(["run", Self.pod, "--detach", "--sound", host.sound])
        defer { _ = try? host.run(["stop", Self.pod]) }
        let music = LabBroker.repository.appending("testdata/music.mp3")
        try host.must(["cp", music.string, "\(Self.pod):/root/music.mp3"])
        let player = ["mpg123", "-q", "-o", "alsa", "--loop", "-1", "/root/music.mp3"]
        try host.must(["exec", Self.pod, "--detach", "--"] + player)
        try host.waitUntilPlayed(44100, pod: Self.pod)

        var suspend: [Double] = []
        var dump: [Double] = []
        var resume: [Double] = []
        var restore: [Double] = []
        var firstFrame: [Double] = []
        for round in 1...rounds {
            print("bench-move: round \(round) of \(rounds)")
            let position = host.status(of: Self.pod)?.streams.first?.positionFrames ?? 0
            try? Files.remove(times)
            let suspended = try host.must(["suspend", Self.pod, "--format", "json"])
            suspend.append(try JSONDecoder().decode(Phases.self, from: Data(suspended.output.utf8)).total)
            dump.append(try Self.longest(times))
            try host.recordAnew()
            try? Files.remove(times)
            let resumed = try host.must(["resume", Self.pod, "--detach", "--sound", host.sound, "--format", "json"])
            resume.append(resumed.milliseconds)
            restore.append(try Self.longest(times))
            try host.waitUntilPlayed(position + 22050, pod: Self.pod)
            let recorded = try host.recorder.finish()
            if let first = recorded.firstIndex(where: { $0 != 0 }), let time = host.recorder.time(ofFrame: first) {
                firstFrame.append(Double(Int64(time) - Int64(resumed.started)) / 1e6)
            }
            try host.recordAnew()
        }
        try BenchReport(
            benchmark: "move", rounds: rounds,
            figures: [
                BenchFigure(
                    "suspend to commit", unit: "ms", ours: suspend, peer: dump, peerName: "CRIU's dump alone", goal: 1.5
                ),
                BenchFigure(
                    "resume, the whole command", unit: "ms", ours: resume, peer: restore,
                    peerName: "CRIU's restore alone",
                    goal: 1.5),
                BenchFigure(
                    "resume to the first frame heard", unit: "ms", ours: firstFrame, peer: restore,
                    peerName: "CRIU's restore alone", goal: nil),
                BenchFigure(
                    "suspend to commit", unit: "ms", ours: suspend, peer: suspend.map { _ in 1000 },
                    peerName: "one second", goal: 1),
                BenchFigure(
                    "resume to the first frame heard", unit: "ms", ours: firstFrame, peer: firstFrame.map { _ in 1000 },
                    peerName: "one second", goal: 1),
            ]
        ).publish()
    }

    /// A CRIU that notes its own beginning and end, ns of the system's clock.
    private func wrapper(in folder: FilePath, noting times: FilePath) throws -> FilePath {
        let named = getenv("MEDIAPOD_CRIU").map { String(cString: $0) }
        let real = named ?? "/opt/mediapod/criu/criu"
        let path = folder.appending("criu")
        let script = """
            #!/bin/sh
            begin=$(date +%s%N)
            \(real) "$@"
            status=$?
            echo "$1 $begin $(date +%s%N)" >>\(times.string)
            exit $status

            """
        try attempt("write", path.string) { () throws(Errno) in
            try Files.write(path, Array(script.utf8), permissions: .init(rawValue: 0o755))
        }
        return path
    }

    /// The longest run that was noted, ms: runc also asks CRIU for its version.
    private static func longest(_ times: FilePath) throws -> Double {
        let bytes = try attempt("read", times.string) { () throws(Errno) in try Files.read(times, limit: 1 << 20) }
        let runs = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line -> Double? in
            let fields = line.split(separator: " ")
            guard fields.count == 3, let begin = Double(fields[1]), let end = Double(fields[2]) else { return nil }
            return (end - begin) / 1e6
        }
        guard let longest = runs.max() else { throw Failure("bench-move", "CRIU was not run") }
        return longest
    }
}
