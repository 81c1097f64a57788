internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// How often buffers of each size run dry.
struct Underruns {
    let server: BenchServer
    let rounds: Int
    /// Beside programs that keep every processor busy.
    let isLoaded: Bool

    /// Sizes in ms and how long each plays; less at the second server, for the time it takes.
    private var extent: (buffers: [Int], seconds: Int) {
        switch server.kind {
        case .pulseAudio where isLoaded: ([20, 40, 100, 500], 15)
        case .pulseAudio: ([20, 40, 100, 200, 500, 1000, 2000], 15)
        case .pipeWire: ([40, 200, 2000], 10)
        }
    }

    func measure() throws -> [BenchFigure] {
        let (buffers, seconds) = extent
        let stage = try SoundStage(at: server)
        let sound = try stage.noise(seconds: seconds)
        let load = isLoaded ? try BusyProcessors(in: try LabFolder("mediapod-bench")) : nil
        defer { load?.stop() }
        let beside = isLoaded ? ", every processor busy" : ""
        var contests = buffers.map { _ in Contest(at: server) }
        for round in 1...rounds {
            for (index, buffer) in buffers.enumerated() {
                say(server.name("underruns with a buffer of \(buffer) ms\(beside), round \(round) of \(rounds)"))
                try contests[index].round { pcm in try count(pcm, buffer, sound, on: stage) }
            }
        }
        let what = server.kind == .pulseAudio ? "xruns" : "gaps heard"
        return zip(buffers, contests).flatMap { buffer, contest in
            contest.counts("\(what) in \(seconds) s with a buffer of \(buffer) ms\(beside)")
        }
    }

    /// What aplay is told of; at PipeWire what its monitor heard instead. Its server for PulseAudio's protocol (0.3.65)
    /// seldom tells a client that a stream has run dry: of twelve that were starved for a second or more, ours and
    /// alsa-plugins' alike, two were told of it, and the others would have counted as good.
    private func count(_ pcm: String, _ buffer: Int, _ sound: FilePath, on stage: SoundStage) throws -> Double {
        let log = stage.folder.appending("xruns.log")
        let recorder = server.kind == .pipeWire ? try MonitorRecorder(of: stage.server) : nil
        let player = try stage.play(
            pcm, sound, options: ["--buffer-time=\(buffer * 1000)", "--period-time=\(buffer * 250)"], log: log)
        guard player.wait().isSuccess else { throw Failure("aplay at \(pcm)", "failed", remedy: "see \(log.string)") }
        if let recorder {
            try recorder.waitUntilSilent(SoundStage.rate / 2)
            return Double(Self.gaps(in: try recorder.finish()))
        }
        let text = String(decoding: (try? Files.read(log, limit: 1 << 20)) ?? [], as: UTF8.self)
        return Double(text.split(separator: "\n").filter { $0.contains("underrun") }.count)
    }

    /// Stretches of silence within the noise, which itself has not a silent frame.
    private static func gaps(in recording: [UInt32]) -> Int {
        let sound = FrameComparison.trimmed(recording)
        return zip(sound, sound.dropFirst()).count { $0 != 0 && $1 == 0 }
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
