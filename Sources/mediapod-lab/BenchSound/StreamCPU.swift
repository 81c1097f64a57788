internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What streams cost without a pod: one, sixteen at once, and one whose broker, or server, is away.
struct StreamCPU {
    let server: BenchServer
    let rounds: Int
    let seconds: Int

    private static let many = 16
    private static let away = 5
    /// What counts as nothing, ms per s: no thread can wake up for less.
    private static let none = 0.001

    func measure() throws -> [BenchFigure] {
        let stage = try SoundStage(at: server)
        let sound = try stage.noise(seconds: seconds)
        var one = Contest(at: server)
        var whole = Contest(at: server)
        var sixteen = Contest(at: server)
        for round in 1...rounds {
            say(server.name("one and \(Self.many) streams, round \(round) of \(rounds)"))
            var costs: [String: Cost] = [:]
            try one.round { pcm in
                let alone = try cost(pcm, streams: 1, sound, on: stage)
                costs[pcm] = alone
                return alone.client
            }
            whole.round { pcm in costs[pcm].map { $0.client + $0.server } ?? 0 }
            try sixteen.round { pcm in try cost(pcm, streams: Self.many, sound, on: stage).client }
        }
        var away = Contest(at: server)
        for round in 1...rounds {
            say(server.name("nobody there, round \(round) of \(rounds)"))
            try away.round { pcm in try abandoned(pcm, stage, sound: try stage.noise(seconds: 30)) }
        }
        let unit = "ms per s played"
        let many = "\(Self.many) streams, CPU of clients and broker"
        let alone = "client without a broker, CPU"
        return one.figures("48 kHz stereo, CPU of client and broker", unit: unit, part: ", client", goal: 1.2)
            + whole.figures("48 kHz stereo, the server's CPU too", unit: unit, part: ", client and server", goal: nil)
            + [
                BenchFigure(
                    server.name(many), unit: unit, ours: sixteen.ours, peer: one.ours.map { $0 * Double(Self.many) },
                    peerName: "\(Self.many) × one of ours", goal: 1)
            ] + sixteen.figures(many, unit: unit, part: ", clients", goal: nil)
            + away.figures(alone, unit: "ms per s", part: ", server dead", goal: nil, floor: 0.001)
            + [
                BenchFigure(
                    server.name(alone), unit: "ms per s", ours: away.ours, peer: away.ours.map { _ in Self.none },
                    peerName: "a millionth of a processor", goal: 1)
            ]
    }

    /// ms of processor time per second played.
    private struct Cost {
        /// All clients' and, of ours, the broker's.
        var client: Double
        /// A peer may leave to it what ours does by itself, or the other way round.
        var server: Double
    }

    private func cost(_ pcm: String, streams: Int, _ sound: FilePath, on stage: SoundStage) throws -> Cost {
        let childrenBefore = CPUTime.ofChildren
        let broker = pcm == SoundStage.ours ? stage.broker.pid : nil
        let brokerBefore = broker.map(CPUTime.nanoseconds(of:)) ?? 0
        let serverBefore = time(of: stage.server)
        let players = try (0..<streams).map { index in
            try stage.play(pcm, sound, options: ["-q"], log: stage.folder.appending("player.log"))
        }
        for player in players {
            guard player.wait().isSuccess else {
                throw Failure("aplay at \(pcm)", "failed", remedy: "see \(stage.folder.appending("player.log").string)")
            }
        }
        let used = CPUTime.ofChildren - childrenBefore + (broker.map(CPUTime.nanoseconds(of:)) ?? 0) - brokerBefore
        let served = time(of: stage.server) - serverBefore
        return Cost(client: Double(used) / 1e6 / Double(seconds), server: Double(served) / 1e6 / Double(seconds))
    }

    private func time(of server: any LabSoundServer) -> UInt64 {
        server.pids.reduce(0) { $0 + CPUTime.nanoseconds(of: $1) }
    }

    /// ms of processor time that a client uses per second while its broker, or a peer's its server, is dead.
    private func abandoned(_ pcm: String, _ stage: SoundStage, sound: FilePath) throws -> Double {
        let player = try stage.play(
            pcm, sound, options: ["-q"], log: stage.folder.appending("abandoned.log"))
        usleep(500_000)
        let isOurs = pcm == SoundStage.ours
        if isOurs { stage.broker.kill() } else { try stage.serverAnew() }
        let used = try idle(player)
        player.kill()
        player.wait()
        // Of a peer's dead server the broker has heard, too.
        if !isOurs { stage.broker.kill() }
        try stage.broker.start(sink: "pulse:\(stage.server.address)")
        return used
    }

    private func idle(_ process: ChildProcess) throws -> Double {
        usleep(500_000)
        let before = CPUTime.nanoseconds(of: process.pid)
        sleep(UInt32(Self.away))
        return Double(CPUTime.nanoseconds(of: process.pid) - before) / 1e6 / Double(Self.away)
    }
}
