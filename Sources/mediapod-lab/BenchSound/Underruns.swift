internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// How often buffers of each size run dry, as aplay is told.
struct Underruns {
    let server: BenchServer
    let rounds: Int
    let seconds: Int

    /// ms; of the usual sizes three at the second server, for the time it takes.
    private var buffers: [Int] {
        switch server.kind {
        case .pulseAudio: [20, 40, 100, 200, 500, 1000, 2000]
        case .pipeWire: [40, 200, 2000]
        }
    }

    func measure() throws -> [BenchFigure] {
        let stage = try SoundStage(at: server)
        let sound = try stage.noise(seconds: seconds)
        var contests = buffers.map { _ in Contest(at: server) }
        for round in 1...rounds {
            for (index, buffer) in buffers.enumerated() {
                say(server.name("underruns with a buffer of \(buffer) ms, round \(round) of \(rounds)"))
                try contests[index].round { pcm in try count(pcm, buffer, sound, on: stage) }
            }
        }
        return zip(buffers, contests).flatMap { buffer, contest in
            contest.counts("xruns in \(seconds) s with a buffer of \(buffer) ms")
        }
    }

    private func count(_ pcm: String, _ buffer: Int, _ sound: FilePath, on stage: SoundStage) throws -> Double {
        let log = stage.folder.appending("xruns.log")
        let player = try stage.play(
            pcm, sound, options: ["--buffer-time=\(buffer * 1000)", "--period-time=\(buffer * 250)"], log: log)
        guard player.wait().isSuccess else { throw Failure("aplay at \(pcm)", "failed", remedy: "see \(log.string)") }
        let text = String(decoding: (try? Files.read(log, limit: 1 << 20)) ?? [], as: UTF8.self)
        return Double(text.split(separator: "\n").filter { $0.contains("underrun") }.count)
    }
}

/// How long it takes to stop a stream that its server has two seconds of, at an exact position.
struct Detaching {
    let tries: Int

    func measure() throws -> [BenchFigure] {
        let stage = try SoundStage()
        let player = try stage.play(
            SoundStage.ours, try stage.noise(seconds: 30), options: ["-q", "--buffer-time=2000000"],
            log: stage.folder.appending("detach.log"))
        defer {
            player.kill()
            player.wait()
        }
        try waitUntil("it plays") { try stage.broker.status().streams.contains { $0.positionFrames > 4800 } }
        var milliseconds: [Double] = []
        for _ in 0..<tries {
            let begin = MonotonicClock.nanoseconds
            try stage.broker.request(.hold)
            milliseconds.append(Double(MonotonicClock.nanoseconds - begin) / 1e6)
            try stage.broker.request(.attach)
            usleep(300_000)
        }
        return [
            BenchFigure(
                "stopped, exact position known, 2 s at the server", unit: "ms", ours: milliseconds,
                peer: milliseconds.map { _ in 10 }, peerName: "ten milliseconds", goal: 1)
        ]
    }
}
