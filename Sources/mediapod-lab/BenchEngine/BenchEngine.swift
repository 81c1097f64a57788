internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make bench-engine`: suspend and resume of several pods beside CRIU alone, by size and by number of processes.
///
/// Each round starts the pod anew for either side, in turn, and moves it twice: without a filter, and through zstd.
/// CRIU's side: a dump into memory, and the same bytes that the engine had written to the same device and synced; those
/// bytes read, of which the kernel had nothing in memory, and a restore out of memory. Of zstd it is `tar | zstd` of the
/// dump to the device, synced, and the way back. A live checkpoint's pod stands still for as long as it says; CRIU's for
/// the part of a dump between the first process that is stopped and the last that is let go.
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
    private struct Move {
        var suspend: SuspendTimes
        var resume: ResumeTimes
    }

    /// What a round of ours took.
    private struct Ours {
        /// For how long a live checkpoint's pod stood still, ms.
        var frozen: Double
        /// Through zstd.
        var packed: Move
        /// Through no filter.
        var plain: Move
    }

    /// What a round of CRIU's took, and what the device, `tar` and `zstd` needed beside it.
    private struct Bare {
        var criu: BareCriu.Times
        var device: DeviceTime.Times
        var archive: DeviceTime.ArchiveTimes
    }

    private func measure(_ load: EngineLoad, on host: LabHost, _ folder: LabFolder) throws -> [BenchFigure] {
        var ours: [Ours] = []
        var bare: [Bare] = []
        for round in 1...rounds {
            print("bench-engine: \(load.name), round \(round) of \(rounds)")
            // Ours goes first: the other needs to know how many bytes it wrote.
            let mine = try with(load, on: host) {
                let frozen = try self.checkpoint(on: host)
                // A pod that was moved before may be another one to move.
                let first = try self.move(on: host, ["--full", "--filter", round % 2 == 0 ? "zstd" : "none"])
                let second = try self.move(on: host, ["--full", "--filter", round % 2 == 0 ? "none" : "zstd"])
                return round % 2 == 0
                    ? Ours(frozen: frozen, packed: first, plain: second)
                    : Ours(frozen: frozen, packed: second, plain: first)
            }
            ours.append(mine)
            bare.append(
                try with(load, on: host) {
                    try self.bare(on: host, folder, bytes: mine.plain.suspend.streamBytes)
                })
        }
        guard let last = ours.last?.packed.suspend else { return [] }
        func figure(
            _ name: String, _ mine: (Ours) -> Double, _ peer: (Bare) -> Double, _ peerName: String, goal: Double
        ) -> BenchFigure {
            BenchFigure(
                "\(load.name): \(name)", unit: "ms", ours: ours.map(mine), peer: bare.map(peer), peerName: peerName,
                goal: goal)
        }
        return [
            figure(
                "suspend to commit", { $0.plain.suspend.total }, { $0.criu.dump + $0.device.write },
                "bare criu dump + device", goal: 1.15),
            figure(
                "resume", { $0.plain.resume.total }, { $0.criu.restore + $0.device.read },
                "bare criu restore + device", goal: 1.15),
            figure(
                "suspend to commit, zstd", { $0.packed.suspend.total },
                { $0.criu.dump + $0.archive.pack + $0.archive.sync }, "bare criu dump + tar | zstd + device",
                goal: 1.15),
            figure(
                "resume, zstd", { $0.packed.resume.total }, { $0.criu.restore + $0.archive.unpack },
                "bare criu restore + zstd -d | tar -x", goal: 1.15),
            figure(
                "a live checkpoint, standing still", { $0.frozen }, { $0.criu.frozen },
                "bare criu, of its own", goal: 1),
            figure(
                "images to stream", { $0.packed.suspend.write }, { $0.archive.pack },
                "tar | zstd, same level and threads", goal: 1.25),
            BenchFigure(
                "\(load.name): stream", unit: "MB", ours: Double(last.streamBytes) / 1e6,
                peer: Double(last.imageBytes) / 1e6, peerName: "images", isMet: nil),
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

    private func move(on host: LabHost, _ options: [String] = []) throws -> Move {
        let suspended = try host.must(["suspend", Self.pod, "--format", "json"] + options)
        let sessions = host.device.appending("pods/\(Self.pod)/sessions")
        for number in try Files.list(sessions) {
            let state = sessions.appending(number).appending("state")
            if Files.isRegularFile(state) { try DeviceTime.forget(state) }
        }
        let resumed = try host.must(["resume", Self.pod, "--detach", "--sound", "null", "--format", "json"])
        return Move(
            suspend: try JSONDecoder().decode(SuspendTimes.self, from: Data(suspended.output.utf8)),
            resume: try JSONDecoder().decode(ResumeTimes.self, from: Data(resumed.output.utf8)))
    }

    private func bare(on host: LabHost, _ folder: LabFolder, bytes: UInt64) throws -> Bare {
        let device = DeviceTime(folder: host.device)
        var archive = DeviceTime.ArchiveTimes(pack: 0, sync: 0, unpack: 0)
        let times = try BareCriu(pod: Self.pod, on: host, scratch: folder.path).measure { images in
            archive = try device.archive(images)
        }
        return Bare(criu: times, device: try device.plain(bytes), archive: archive)
    }

    /// An idle pod, suspended and resumed again and again.
    private func again(_ load: EngineLoad, on host: LabHost) throws -> [BenchFigure] {
        let runs = try with(load, on: host) {
            try (1...times).map { run in
                print("bench-engine: \(load.name), suspend and resume \(run) of \(times)")
                return try move(on: host)
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
