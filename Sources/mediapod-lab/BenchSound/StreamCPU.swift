internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What streams cost without a pod: one, sixteen at once, and one whose broker, or server, is away.
struct StreamCPU {
    let rounds: Int
    let seconds: Int

    private static let many = 16
    private static let away = 5

    func measure() throws -> [BenchFigure] {
        let stage = try SoundStage()
        let sound = try stage.noise(seconds: seconds)
        var one: [Double] = []
        var sixteen: [Double] = []
        var peerOne: [Double] = []
        var peerSixteen: [Double] = []
        for round in 1...rounds {
            say("one and \(Self.many) streams, round \(round) of \(rounds)")
            one.append(try cost(SoundStage.ours, streams: 1, sound, on: stage))
            peerOne.append(try cost(SoundStage.peer, streams: 1, sound, on: stage))
            sixteen.append(try cost(SoundStage.ours, streams: Self.many, sound, on: stage))
            peerSixteen.append(try cost(SoundStage.peer, streams: Self.many, sound, on: stage))
        }
        var ours: [Double] = []
        var peer: [Double] = []
        for round in 1...rounds {
            say("nobody there, round \(round) of \(rounds)")
            let (mine, theirs) = try abandoned(stage, sound: try stage.noise(seconds: 30))
            ours.append(mine)
            peer.append(theirs)
        }
        return [
            BenchFigure(
                "48 kHz stereo, CPU of client and broker", unit: "ms per s played", ours: one, peer: peerOne,
                peerName: "\(SoundStage.peerName), client", goal: 1.2),
            BenchFigure(
                "\(Self.many) streams, CPU of clients and broker", unit: "ms per s played", ours: sixteen,
                peer: one.map { $0 * Double(Self.many) }, peerName: "\(Self.many) × one of ours", goal: 1),
            BenchFigure(
                "\(Self.many) streams, CPU of clients and broker", unit: "ms per s played", ours: sixteen,
                peer: peerSixteen, peerName: "\(SoundStage.peerName), clients", goal: nil),
            BenchFigure(
                "client without a broker, CPU", unit: "ms per s", ours: ours, peer: peer.map { max($0, 0.001) },
                peerName: "\(SoundStage.peerName), server dead", goal: nil),
            BenchFigure(
                "client without a broker, CPU", unit: "ms per s", ours: ours, peer: ours.map { _ in 1 },
                peerName: "a thousandth of a processor", goal: 1),
        ]
    }

    /// ms of processor time per second played, of all clients and, of ours, the broker.
    private func cost(_ pcm: String, streams: Int, _ sound: FilePath, on stage: SoundStage) throws -> Double {
        let childrenBefore = CPUTime.ofChildren
        let broker = pcm == SoundStage.ours ? stage.broker.pid : nil
        let brokerBefore = broker.map(CPUTime.nanoseconds(of:)) ?? 0
        let players = try (0..<streams).map { index in
            try stage.play(pcm, sound, options: ["-q"], log: stage.folder.appending("player.log"))
        }
        for player in players {
            guard player.wait().isSuccess else {
                throw Failure("aplay at \(pcm)", "failed", remedy: "see \(stage.folder.appending("player.log").string)")
            }
        }
        let used = CPUTime.ofChildren - childrenBefore + (broker.map(CPUTime.nanoseconds(of:)) ?? 0) - brokerBefore
        return Double(used) / 1e6 / Double(seconds)
    }

    /// ms of processor time that a client uses per second while its broker, or the peer's its server, is dead.
    private func abandoned(_ stage: SoundStage, sound: FilePath) throws -> (ours: Double, peer: Double) {
        let log = stage.folder.appending("abandoned.log")
        let ours = try stage.play(SoundStage.ours, sound, options: ["-q"], log: log)
        usleep(500_000)
        stage.broker.kill()
        let mine = try idle(ours)
        ours.kill()
        ours.wait()
        let peer = try stage.play(SoundStage.peer, sound, options: ["-q"], log: log)
        usleep(500_000)
        try stage.serverAnew()
        let theirs = try idle(peer)
        peer.kill()
        peer.wait()
        try stage.broker.start(sink: "pulse:\(stage.server.address)")
        return (mine, theirs)
    }

    private func idle(_ process: ChildProcess) throws -> Double {
        usleep(500_000)
        let before = CPUTime.nanoseconds(of: process.pid)
        sleep(UInt32(Self.away))
        return Double(CPUTime.nanoseconds(of: process.pid) - before) / 1e6 / Double(Self.away)
    }
}
