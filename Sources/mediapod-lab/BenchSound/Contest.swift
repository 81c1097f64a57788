/// What was measured of ours and of every peer, in turn: each round is one value of each.
struct Contest {
    private(set) var ours: [Double] = []
    private var peers: [(peer: BenchPeer, values: [Double])]
    private let server: BenchServer

    init(at server: BenchServer) {
        self.server = server
        peers = server.peers.map { ($0, []) }
    }

    /// Measures each PCM once.
    mutating func round(_ measure: (_ pcm: String) throws -> Double) rethrows {
        ours.append(try measure(SoundStage.ours))
        for index in peers.indices { peers[index].values.append(try measure(peers[index].peer.id)) }
    }

    /// A row for each peer. What is less than `floor` counts as that much: a ratio to nothing says nothing.
    func figures(
        _ name: String, unit: String, part: String = "", goal: Double?, floor: Double = 0
    ) -> [BenchFigure] {
        peers.map { peer, values in
            BenchFigure(
                server.name(name), unit: unit, ours: ours, peer: values.map { max($0, floor) },
                peerName: "\(peer.name)\(part)", goal: goal)
        }
    }

    /// Counts of something bad, with a row for each peer. The goal, to be no worse than any of them, is in the row of the
    /// best: what is met there is met by the others.
    func counts(_ name: String) -> [BenchFigure] {
        let best = peers.indices.min { peers[$0].values.median < peers[$1].values.median }
        return peers.enumerated().map { index, peer in
            BenchFigure(
                countOf: server.name(name), ours: ours, peer: peer.values, peerName: peer.peer.name,
                hasGoal: index == best)
        }
    }
}
