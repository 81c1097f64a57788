import FoundationEssentials
import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// Brokers that die, or are replaced, under a playing pod; the engine's supervisor starts the next.
@Suite(.serialized) struct BrokerDeathTests {
    private static let rate = 44100
    /// Frames of aplay's buffer: the most that a sink is given ahead.
    private static let buffer = 8820

    private func play(_ frames: [UInt32], on hosts: TwoHosts) throws -> ChildProcess {
        let file = hosts.folder.appending("noise.raw")
        try Files.write(file, Frames.pack(frames), permissions: .init(rawValue: 0o644))
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", hosts.a.sound])
        try hosts.a.must(["cp", file.string, "\(TwoHosts.pod):/root/noise.raw"])
        return try hosts.a.start(
            [
                "exec", TwoHosts.pod, "--", "aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", "\(Self.rate)",
                "--buffer-size=\(Self.buffer)", "/root/noise.raw",
            ], output: hosts.folder.appending("aplay.out"), error: hosts.folder.appending("aplay.err"))
    }

    /// Nothing is lost, and of each broker's death at most that is heard twice which its sink had not played.
    private func expectAll(of frames: [UInt32], in recording: [UInt32], deaths: Int) {
        let heard = FrameComparison(reference: frames, recording: recording)
        #expect(heard.lost == 0 && heard.altered == 0, "\(heard)")
        #expect(heard.repeated <= deaths * Self.buffer, "\(heard)")
    }

    private func log(_ hosts: TwoHosts) -> String {
        String(decoding: (try? Files.read(hosts.folder.appending("aplay.err"), limit: 1 << 16)) ?? [], as: UTF8.self)
    }

    @Test func aHundredKillsInARowLoseNothingAndRepeatOnlyWhatTheSinkHadNotPlayed() throws {
        let hosts = try TwoHosts()
        let noise = Frames.noise(count: Self.rate * 75, seed: 100)
        let player = try play(noise, on: hosts)
        try hosts.a.waitUntilPlayed(4410, pod: TwoHosts.pod)
        let runtime = hosts.a.runtime
        var killed: Set<Int32> = []
        var position: UInt64 = 0
        let control = try #require(Self.control(below: runtime))
        for _ in 0..<100 {
            // The next one is there, has the stream, and plays it.
            try waitUntil("another broker plays") {
                guard case .status(let status)? = try? BrokerClient(socket: control).request(.status),
                    !killed.contains(status.brokerPID), let stream = status.streams.first,
                    stream.positionFrames > position
                else { return false }
                position = stream.positionFrames
                killed.insert(status.brokerPID)
                return kill(status.brokerPID, SIGKILL) == 0
            }
        }
        #expect(killed.count == 100)
        #expect(player.wait().isSuccess, "\(log(hosts))")
        usleep(300_000)
        expectAll(of: noise, in: try hosts.a.recorder.finish(), deaths: 100)
        // The program saw nothing: aplay tells of every xrun.
        #expect(log(hosts).isEmpty, "\(log(hosts))")
    }

    @Test func anOrderlyRestartLosesAndRepeatsNothing() throws {
        let hosts = try TwoHosts()
        let noise = Frames.noise(count: Self.rate * 8, seed: 101)
        let player = try play(noise, on: hosts)
        for second in 1...5 {
            try hosts.a.waitUntilPlayed(UInt64(second * Self.rate), pod: TwoHosts.pod)
            let before = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
            try hosts.a.must(["restart", "--pod", TwoHosts.pod], program: "podaudio")
            #expect(hosts.a.status(of: TwoHosts.pod)?.brokerPID != before)
        }
        #expect(player.wait().isSuccess, "\(log(hosts))")
        usleep(300_000)
        let heard = FrameComparison(reference: noise, recording: try hosts.a.recorder.finish())
        #expect(heard.isExact, "\(heard)")
        #expect(log(hosts).isEmpty, "\(log(hosts))")
    }

    /// The program is connected by then with a broker that never comes, which CRIU could not dump.
    @Test func aPodWhoseBrokerIsDeadIsSuspendedAndGoesOnElsewhere() throws {
        let hosts = try TwoHosts()
        let noise = Frames.noise(count: Self.rate * 8, seed: 102)
        let player = try play(noise, on: hosts)
        try hosts.a.waitUntilPlayed(UInt64(Self.rate), pod: TwoHosts.pod)
        // Who would start another one.
        let number = try #require(try runtime(hosts.a).supervisorPID)
        let supervisor = try #require(ProcessIdentity(of: number))
        supervisor.signal(SIGSTOP)
        defer { supervisor.signal(SIGCONT) }
        kill(try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID), SIGKILL)
        usleep(300_000)
        try hosts.a.must(["suspend", TwoHosts.pod])
        player.wait()
        #expect(TwoHosts.leftovers(on: hosts.a) == [])
        try hosts.b.must(["resume", TwoHosts.pod, "--detach", "--sound", hosts.b.sound])
        try hosts.b.waitUntilSilent(pod: TwoHosts.pod)
        usleep(300_000)
        let parts = [try hosts.a.recorder.finish(), try hosts.b.recorder.finish()].map(FrameComparison.trimmed)
        expectAll(of: noise, in: parts.flatMap { $0 }, deaths: 1)
    }

    /// Another supervisor holds the socket at which the pod's programs are connected, and lends it to other brokers.
    @Test func theSupervisorDiesThenTheBrokerAndTheSoundGoesOn() throws {
        let hosts = try TwoHosts()
        let noise = Frames.noise(count: Self.rate * 8, seed: 103)
        let player = try play(noise, on: hosts)
        try hosts.a.waitUntilPlayed(UInt64(Self.rate), pod: TwoHosts.pod)
        let supervisor = try #require(try runtime(hosts.a).supervisorPID)
        kill(supervisor, SIGKILL)
        let next = try #require(try runtime(hosts.a).supervisorPID)
        #expect(next != supervisor)
        let first = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
        kill(first, SIGKILL)
        try waitUntil("another broker plays") {
            guard let status = hosts.a.status(of: TwoHosts.pod) else { return false }
            return status.brokerPID != first && !status.streams.isEmpty
        }
        // Both at once: then nobody holds it, and the program looks for another.
        let second = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
        kill(next, SIGKILL)
        kill(second, SIGKILL)
        #expect(try runtime(hosts.a).supervisorPID != next)
        #expect(player.wait().isSuccess, "\(log(hosts))")
        usleep(300_000)
        expectAll(of: noise, in: try hosts.a.recorder.finish(), deaths: 2)
        #expect(log(hosts).isEmpty, "\(log(hosts))")
    }

    private struct Inspection: Decodable {
        struct Runtime: Decodable {
            var supervisorPID: Int32?

            enum CodingKeys: String, CodingKey {
                case supervisorPID = "supervisor_pid"
            }
        }

        var runtime: Runtime?
    }

    private func runtime(_ host: LabHost) throws -> Inspection.Runtime {
        let text = try host.must(["inspect", TwoHosts.pod, "--format", "json"]).output
        return try #require(JSONDecoder().decode(Inspection.self, from: Data(text.utf8)).runtime)
    }

    /// The pod's broker's control socket on this host.
    private static func control(below runtime: FilePath) -> FilePath? {
        let socket = runtime.appending("pods").appending(TwoHosts.pod).appending("host").appending("broker")
        return (try? Files.kind(of: socket)) == nil ? nil : socket
    }
}
