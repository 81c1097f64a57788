import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// One at a time: each has a sound server of its own, and this is about exactness, not about load.
@Suite(.serialized) struct PlaybackTests {
    static let music = Frames.noise(count: 44100 * 3)

    @Test(arguments: [
        [], ["--buffer-time=40000", "--period-time=10000"], ["--buffer-time=60000", "--period-time=30000"],
        ["--buffer-size=10000", "--period-size=3001"], ["-M"],
    ])
    func everyFrameIsHeardOnceAndUnchanged(options: [String]) throws {
        let host = try SoundHost()
        let player = try host.play(Self.music, options: options)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: Self.music, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
    }

    @Test func aStreamGoesOnAtTheVeryNextFrameAtAnotherServer() throws {
        let a = try SoundHost()
        let b = try PulseServer(in: a.folder.appending("other"))
        let recorderB = try MonitorRecorder(of: b)
        let player = try a.play(Self.music, options: ["--buffer-time=100000"])
        try a.waitUntilPlayed(44100)
        player.send(SIGSTOP)
        let records = try a.broker.leave()
        #expect(records.streams.first?.state == "running")
        try a.broker.start(sink: "pulse:\(b.address)", records: records)
        player.send(SIGCONT)
        #expect(player.wait().isSuccess, "\(a.playerLog)")
        let onA = try a.finish()
        let onB = try recorderB.finish()
        let heard = FrameComparison(
            reference: Self.music,
            recording: Array(FrameComparison.trimmed(onA)) + Array(FrameComparison.trimmed(onB)))
        #expect(heard.isExact, "\(heard)")
        #expect(!FrameComparison.trimmed(onB).isEmpty)
    }

    @Test func aSuspendThatDidNotHappenLosesNothing() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music, options: ["--buffer-time=50000"])
        try host.waitUntilPlayed(30000)
        try host.broker.request(.hold)
        player.send(SIGSTOP)
        try host.broker.request(.detach)
        try host.broker.request(.attach)
        player.send(SIGCONT)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: Self.music, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
    }

    /// With the same ratio before and after, the resampled stream itself has no seam.
    @Test func aResampledStreamIsBitIdenticalToOneThatWasNeverMoved() throws {
        let whole = try SoundHost(rate: 48000)
        #expect(try whole.play(Self.music).wait().isSuccess)
        let reference = try whole.finish()

        let host = try SoundHost(rate: 48000)
        let player = try host.play(Self.music)
        for frames: UInt64 in [30000, 80000] {
            try host.waitUntilPlayed(frames)
            player.send(SIGSTOP)
            let records = try host.broker.leave()
            try host.broker.start(sink: "pulse:\(host.server.address)", records: records)
            player.send(SIGCONT)
        }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: reference, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
        // What the music is worth, and the filter's ringing into the period of silence that aplay ends with.
        let worth = (Self.music.count * 160 + 146) / 147
        #expect((worth...worth + 160).contains(heard.heard))
    }

    @Test func aKilledBrokerCostsAtMostWhatTheSinkHadNotPlayedYet() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        for frames: UInt64 in [20000, 50000, 90000] {
            try host.waitUntilPlayed(frames)
            host.broker.kill()
            try host.broker.start(sink: "pulse:\(host.server.address)")
        }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: Self.music, recording: try host.finish())
        #expect(heard.lost == 0 && heard.altered == 0, "\(heard)")
        // aplay's buffer is half a second; a quarter of it is a period.
        #expect(heard.repeated <= 3 * 22050, "\(heard)")
    }

    /// None of its threads runs: it need not look for the next broker, which finds it connected.
    @Test func aProgramWhoseBrokerIsAwayUsesNoProcessor() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(20000)
        host.broker.kill()
        usleep(500_000)
        let before = try Self.switches(of: player.pid)
        #expect(before.count == 2, "aplay and the plugin's thread")
        sleep(3)
        #expect(try Self.switches(of: player.pid) == before)
        try host.broker.start(sink: host.sink)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: Self.music, recording: try host.finish())
        #expect(heard.lost == 0 && heard.altered == 0, "\(heard)")
    }

    /// How often each of its threads was taken off a processor.
    private static func switches(of process: Int32) throws -> [String: String] {
        let tasks = FilePath("/proc/\(process)/task")
        var found: [String: String] = [:]
        for task in try Files.list(tasks) {
            found[task] = try Files.text(tasks.appending(task).appending("status")).split(separator: "\n")
                .filter { $0.contains("_ctxt_switches:") }.joined(separator: " ")
        }
        return found
    }

    @Test func aBrokerThatIsAskedToEndDoesSoInOrder() throws {
        let host = try SoundHost()
        _ = try host.play(Self.music)
        try host.waitUntilPlayed(4410)
        #expect(host.broker.terminate() == .exited(0))
    }

    @Test func aServerThatDiesAndComesBackIsPlayedAtAgain() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(30000)
        host.server.kill()
        try waitUntil("the broker notices") { try host.broker.status().sink.state != "connected" }
        let again = try PulseServer(in: host.server.folder)
        let recorder = try MonitorRecorder(of: again)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        usleep(300_000)
        #expect(FrameComparison.trimmed(try recorder.finish()).count > 44100)
    }

    @Test func aWaveFileHoldsWhatWasPlayed() throws {
        let host = try SoundHost()
        host.broker.kill()
        let file = host.folder.appending("out.wav")
        try host.broker.start(sink: "file:\(file.string)")
        let music = Array(Self.music.prefix(48000))
        #expect(try host.play(music, rate: 48000).wait().isSuccess, "\(host.playerLog)")
        _ = try host.broker.leave()
        let bytes = try Files.read(file, limit: 1 << 20)
        #expect(FrameComparison(reference: music, recording: Frames.unpack(Array(bytes.dropFirst(44)))).isExact)
    }
}
