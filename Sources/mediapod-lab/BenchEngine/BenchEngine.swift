internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make bench-engine`: suspend and resume of several pods beside CRIU alone, by size and by number of processes.
///
/// Each round starts the pod anew for either side, in turn. CRIU's side: a dump into memory, and the same bytes that the
/// engine's stream had written to the same device and synced; those bytes read, and a restore out of memory. A live
/// checkpoint's pod stands still for as long as it says; CRIU's for the whole of its dump.
struct BenchEngine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-engine", abstract: "Measure suspend and resume of pods of every size beside CRIU alone.")

    @Option(help: "How often each pod is suspended and resumed by either side.")
    var rounds = 5

    @Option(help: "How often the idle desktop is suspended and resumed in a row.")
    var times = 20

    @Option(help: "Only pods whose name begins so: a shell, music, X, 64 MiB, 100 processes …")
    var only: [String] = []

    private static let pod = "bench"
    private static let loads: [EngineLoad] = [
        .shell, .music, .desktop, .memory(64), .memory(256), .memory(1024), .processes(1), .processes(10),
        .processes(100),
    ]

    func run() throws {
        let folder = try LabFolder("mediapod-bench")
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"))
        print("bench-engine: making a pod with \(EngineLoad.packages)")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", EngineLoad.packages])
        let loads = Self.loads.filter { load in only.isEmpty || only.contains { load.name.hasPrefix($0) } }
        var figures: [BenchFigure] = []
        for load in loads { figures += try measure(load, on: host, folder) }
        if loads.contains(.desktop) { figures += try again(.desktop, on: host) }
        try BenchReport(benchmark: "engine", rounds: rounds, figures: figures).publish()
    }

    /// One suspend and one resume of ours.
    private struct Ours {
        /// For how long a live checkpoint's pod stood still before it, ms; 0 when there was none.
        var frozen = 0.0
        var suspend: SuspendTimes
        var resume: ResumeTimes
    }

    /// One of CRIU's, and what the device needed beside it, ms.
    private struct Bare {
        var criu: BareCriu.Times
        var write: Double
        var read: Double
        /// `tar | zstd` of the same images to the same device.
        var archive: Double
    }

    private func measure(_ load: EngineLoad, on host: LabHost, _ folder: LabFolder) throws -> [BenchFigure] {
        var ours: [Ours] = []
        var bare: [Bare] = []
        var bytes: UInt64 = 0
        for round in 1...rounds {
            print("bench-engine: \(load.name), round \(round) of \(rounds)")
            // Ours goes first: the other needs to know how many bytes it wrote.
            let mine = try with(load, on: host) {
                let frozen = try self.checkpoint(on: host)
                var mine = try self.move(on: host)
                mine.frozen = frozen
                return mine
            }
            bytes = mine.suspend.streamBytes
            ours.append(mine)
            bare.append(
                try with(load, on: host) { try self.bare(on: host, folder, bytes: bytes) })
        }
        let images = Double(ours.last?.suspend.imageBytes ?? 0)
        return [
            BenchFigure(
                "\(load.name): suspend to commit", unit: "ms", ours: ours.map(\.suspend.total),
                peer: bare.map { $0.criu.dump + $0.write }, peerName: "bare criu dump + device", goal: 1.15),
            BenchFigure(
                "\(load.name): resume", unit: "ms", ours: ours.map(\.resume.total),
                peer: bare.map { $0.criu.restore + $0.read }, peerName: "bare criu restore + device", goal: 1.15),
            BenchFigure(
                "\(load.name): a live checkpoint, standing still", unit: "ms", ours: ours.map(\.frozen),
                peer: bare.map(\.criu.dump), peerName: "bare criu dump", goal: 1),
            BenchFigure(
                "\(load.name): images to stream", unit: "ms", ours: ours.map(\.suspend.write),
                peer: bare.map(\.archive), peerName: "tar | zstd, same level and threads", goal: 1.25),
            BenchFigure(
                "\(load.name): stream", unit: "MB", ours: Double(bytes) / 1e6, peer: images / 1e6, peerName: "images",
                isMet: nil),
        ]
    }

    private func with<Value>(_ load: EngineLoad, on host: LabHost, _ measure: () throws -> Value) throws -> Value {
        // Also when it did not come to run.
        defer { _ = try? host.run(["stop", Self.pod]) }
        try load.start(in: Self.pod, on: host)
        return try measure()
    }

    private func checkpoint(on host: LabHost) throws -> Double {
        let taken = try host.must(["checkpoint", Self.pod, "--full", "--format", "json"])
        return try JSONDecoder().decode(CheckpointTimes.self, from: Data(taken.output.utf8)).frozen
    }

    private func move(on host: LabHost, options: [String] = ["--full"]) throws -> Ours {
        let suspended = try host.must(["suspend", Self.pod, "--format", "json"] + options)
        let resumed = try host.must(["resume", Self.pod, "--detach", "--sound", "null", "--format", "json"])
        return Ours(
            suspend: try JSONDecoder().decode(SuspendTimes.self, from: Data(suspended.output.utf8)),
            resume: try JSONDecoder().decode(ResumeTimes.self, from: Data(resumed.output.utf8)))
    }

    private func bare(on host: LabHost, _ folder: LabFolder, bytes: UInt64) throws -> Bare {
        let device = DeviceTime(folder: host.device, bytes: bytes)
        var archive = 0.0
        let times = try BareCriu(pod: Self.pod, on: host, scratch: folder.path).measure { images in
            archive = try device.archive(images)
        }
        let write = try device.write()
        return Bare(criu: times, write: write, read: try device.read(), archive: archive)
    }

    /// An idle pod, suspended and resumed again and again.
    private func again(_ load: EngineLoad, on host: LabHost) throws -> [BenchFigure] {
        let runs = try with(load, on: host) {
            try (1...times).map { run in
                print("bench-engine: \(load.name), suspend and resume \(run) of \(times)")
                return try move(on: host, options: [])
            }
        }
        guard let first = runs.first, runs.count > 6 else { return [] }
        let later = runs.dropFirst()
        let few = 3
        return [
            BenchFigure(
                "\(load.name), idle: bytes of the second suspend", unit: "kB",
                ours: [Double(runs[1].suspend.streamBytes) / 1e3], peer: [Double(first.suspend.streamBytes) / 1e3],
                peerName: "the first", goal: 0.02),
            BenchFigure(
                "\(load.name), idle: bytes of a later suspend, median", unit: "kB",
                ours: later.map { Double($0.suspend.streamBytes) / 1e3 },
                peer: later.map { _ in Double(first.suspend.streamBytes) / 1e3 }, peerName: "the first", goal: 0.02),
            BenchFigure(
                "\(load.name), idle: the last \(few) resumes of \(runs.count)", unit: "ms",
                ours: runs.suffix(few).map(\.resume.total), peer: runs.prefix(few).map(\.resume.total),
                peerName: "the first \(few)", goal: 1.15),
        ]
    }
}

/// What a suspend says of itself.
struct SuspendTimes: Decodable {
    var write: Double
    var total: Double
    var imageBytes: UInt64
    var streamBytes: UInt64

    enum CodingKeys: String, CodingKey {
        case write = "write_ms"
        case total = "total_ms"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
    }
}

/// What a live checkpoint says of itself.
struct CheckpointTimes: Decodable {
    var frozen: Double

    enum CodingKeys: String, CodingKey { case frozen = "frozen_ms" }
}

/// What a resume says of itself.
struct ResumeTimes: Decodable {
    var total: Double

    enum CodingKeys: String, CodingKey { case total = "total_ms" }
}
