internal import CLI
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// One figure of a benchmark: ours beside a peer's, both of the same run.
struct BenchFigure: Encodable {
    var name: String
    var unit: String
    /// Medians over the rounds.
    var ours: Double
    var peer: Double
    var peerName: String
    /// The median of the rounds' own ratios, ours to the peer's: the machine's mood cancels out.
    var ratio: Double
    /// The highest ratio that is good enough, or the lowest; `nil` where none was set.
    var goal: Double?
    var met: Bool?
    /// The goal is the lowest ratio, not the highest.
    var isLeast = false

    enum CodingKeys: String, CodingKey {
        case name, unit, ours, peer, ratio, goal, met
        case peerName = "peer_name"
    }

    /// From rounds that were measured in turn.
    init(_ name: String, unit: String, ours: [Double], peer: [Double], peerName: String, goal: Double?) {
        self.name = name
        self.unit = unit
        self.ours = ours.median
        self.peer = peer.median
        self.peerName = peerName
        ratio = zip(ours, peer).map { $0 / $1 }.median
        self.goal = goal
        met = goal.map { [ratio] in ratio <= $0 }
    }

    /// Counts of something bad, which may be none at all: to be no more than the peer's. The ratio is 1 where both are
    /// none, and the count itself where only the peer's is.
    init(countOf name: String, ours: [Double], peer: [Double], peerName: String, hasGoal: Bool = true) {
        self.name = name
        unit = "median of rounds"
        self.ours = ours.median
        self.peer = peer.median
        self.peerName = peerName
        ratio = self.peer > 0 ? self.ours / self.peer : max(1, self.ours)
        goal = hasGoal ? 1 : nil
        met = hasGoal ? self.ours <= self.peer : nil
    }

    /// A figure that was measured once, such as a level in dB, which has no ratio worth a goal.
    init(_ name: String, unit: String, ours: Double, peer: Double, peerName: String, isMet: Bool?) {
        self.name = name
        self.unit = unit
        self.ours = ours
        self.peer = peer
        self.peerName = peerName
        ratio = peer == 0 ? 1 : ours / peer
        goal = nil
        met = isMet
    }
}

extension [Double] {
    /// 0 for none.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = self.sorted()
        return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2
    }
}

/// What a benchmark prints, and writes to build/bench/NAME.json.
struct BenchReport: Encodable {
    var benchmark: String
    var rounds: Int
    var figures: [BenchFigure]

    func publish() throws {
        let rows = figures.map { figure -> [TableCell] in
            [
                .text("\(figure.name), \(figure.unit)"), .number(Self.text(figure.ours)),
                .text(figure.peerName), .number(Self.text(figure.peer)), .number(Self.text(figure.ratio)),
                .number(figure.goal.map { "\(figure.isLeast ? "≥" : "≤") \(Self.text($0))" } ?? ""),
                .text(figure.met.map { $0 ? "yes" : "no" } ?? ""),
            ]
        }
        print(
            Table(columns: ["figure", "ours", "peer", "peer's", "ratio", "goal", "met"], rows: rows)
                .text(emphasized: Terminal.hasColour))
        let folder = LabBroker.repository.appending("build/bench")
        let json = try JSONText.encode(self)
        try attempt("write", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
            try Files.write(
                folder.appending("\(benchmark).json"), Array(json), permissions: .init(rawValue: 0o644))
        }
    }

    /// Three significant digits, as far as they are behind the point.
    private static func text(_ value: Double) -> String {
        guard value >= 0 else { return "-" + text(-value) }
        let decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let whole = Int((value * scale).rounded())
        guard decimals > 0 else { return String(whole) }
        let fraction = String(whole % Int(scale))
        return "\(whole / Int(scale)).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
    }
}
