import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// A pod with a process of every kind, moved to another host and back; what the processes say of themselves afterwards.
///
/// One pod and two moves for all tests of a suite: what is asked of them is what they have said.
struct MovedKinds: Sendable {
    /// What one program has said, as it came: `ready NONCE 0`, `ok WHAT`, `failed WHAT`, `checked NONCE 1`.
    var said: [String: [String]] = [:]
    /// The same of programs that were started anew in place of the moved ones.
    var saidAnew: [String: [String]] = [:]
    /// How each program's losses ended, as `NUMBER CODE WHAT`.
    var losses: [String: [String]] = [:]

    static let moves = 2
    @TaskLocal static var moved = MovedKinds()

    static func start(_ folder: String) -> String {
        KindTree.kinds.map { "{ \($0) \(folder) & }" }.joined(separator: "; ")
    }

    /// What a program has said, when its last line ends with that, or begins with it.
    static func wait(
        for word: String, of kind: String, on host: TestHost, in folder: String = "/kinds"
    ) throws -> [String] {
        var lines: [String] = []
        _ = try Wait.until(milliseconds: 30_000) {
            lines = try host.run(["exec", TestHosts.pod, "--", "cat", "\(folder)/\(kind)"]).output
                .split(separator: "\n").map(String.init)
            return lines.last.map { line in
                line.hasPrefix("cannot") || line.split(separator: " ").last == Substring(word) || line.hasPrefix(word)
            } ?? false
        }
        return lines
    }

    /// Of what a program has said, all that tells that it is not the same program with all that it had.
    static func problems(in said: [String], moves: Int = moves) -> [String] {
        guard let first = said.first?.split(separator: " "), first.count == 3, first[0] == "ready" else {
            return ["it could not be made: \(said.first ?? "it says nothing")"]
        }
        var problems = said.filter { $0.hasPrefix("failed") || $0.hasPrefix("cannot") }
        for move in 1...moves where !said.contains("checked \(first[1]) \(move)") {
            problems.append(
                "it did not say, with the number \(first[1]) in its memory, that all was there after move \(move)")
        }
        return problems
    }
}

/// Makes the pod, before the first test of the suite.
struct WithMovedKinds: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing run: @Sendable () async throws -> Void)
        async throws
    {
        try await MovedKinds.$moved.withValue(try Self.move()) { try await run() }
    }

    private static func move() throws -> MovedKinds {
        var kinds = MovedKinds()
        let hosts = try TestHosts(tree: try KindTree.folder.get())
        // A host whose own clocks are elsewhere.
        hosts.b.prefix = ["unshare", "--time", "--monotonic", "100000", "--boottime", "200000", "--"]
        try hosts.a.up(["sh", "-c", "mkdir -p /kinds && cd /kinds && \(MovedKinds.start("/kinds")); sleep 1000000"])
        for kind in KindTree.kinds { kinds.said[kind] = try MovedKinds.wait(for: "ready", of: kind, on: hosts.a) }
        for (move, from, to) in [(1, hosts.a, hosts.b), (2, hosts.b, hosts.a)] {
            try from.suspend()
            // For the clocks: in the pocket.
            usleep(1_500_000)
            try to.resume()
            try to.must(["exec", TestHosts.pod, "--", "touch", "/kinds/check.\(move)"])
            for kind in KindTree.kinds { kinds.said[kind] = try MovedKinds.wait(for: "\(move)", of: kind, on: to) }
        }
        try hosts.a.must(["stop", TestHosts.pod, "--time", "0"])

        // Not one of them can be told from its work on the files alone.
        let anew = "mkdir /anew && cd /anew && touch check.1 check.2 && \(MovedKinds.start("/anew")); sleep 1000000"
        try hosts.a.up(["sh", "-c", anew])
        for kind in KindTree.kinds {
            kinds.saidAnew[kind] = try MovedKinds.wait(for: "\(moves)", of: kind, on: hosts.a, in: "/anew")
        }
        // All at once: most of them wait for what is lost.
        let losses = try hosts.a.must(["exec", TestHosts.pod, "--", "sh", "-c", loseAll])
        for line in losses.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            kinds.losses[words[0], default: []].append(words[1])
        }
        return kinds
    }

    private static let moves = MovedKinds.moves

    /// Says "KIND NUMBER CODE WHAT" of each.
    private static let loseAll = """
        mkdir /lost && cd /lost
        for kind in \(KindTree.kinds.joined(separator: " ")); do
            number=0
            { echo nothing; $kind --losses; } | { while read -r what; do
                mkdir $kind.$number && cd $kind.$number
                {
                    code=0; $kind --lose $number >../$kind.$number.said 2>&1 </dev/null || code=$?
                    echo "$kind $number $code $what"
                } &
                cd ..; number=$((number + 1))
            done; wait; } &
        done
        wait
        """
}
