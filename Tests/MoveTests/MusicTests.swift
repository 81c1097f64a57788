import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// The main job, with every part real: pods by runc, checkpoints by CRIU, sound by PulseAudio, music by mpg123.
@Suite(.serialized) struct MusicTests {
    /// Some 12 s of it.
    static let length = 460

    @Test func musicGoesOnAtTheVeryNextFrameOnAnotherHostAndBack() throws {
        let hosts = try TwoHosts()
        let music = try MusicMove(pod: TwoHosts.pod, mpegFrames: Self.length, scratch: hosts.folder.path)
        let report = try music.play(from: hosts.a, to: hosts.b)
        #expect(report.comparison.isExact, "\(report.comparison)")
        #expect(report.comparison.heard == report.frames)
        for part in report.parts { #expect(part.frames.count > 44100, "a part on each host") }
        #expect(TwoHosts.leftovers(on: hosts.a) == [])
        #expect(TwoHosts.leftovers(on: hosts.b) == [])
    }

    @Test func aBrokerThatIsKilledInAPodIsRestartedAndTheMusicGoesOn() throws {
        let hosts = try TwoHosts()
        let music = try MusicMove(pod: TwoHosts.pod, mpegFrames: Self.length, scratch: hosts.folder.path)
        try music.start(on: hosts.a)
        try hosts.a.waitUntilPlayed(44100, pod: TwoHosts.pod)
        let broker = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
        kill(broker, SIGKILL)
        try waitUntil("another broker has the stream") {
            guard let status = hosts.a.status(of: TwoHosts.pod) else { return false }
            return status.brokerPID != broker && !status.streams.isEmpty
        }
        try hosts.a.waitUntilSilent(pod: TwoHosts.pod)
        try hosts.a.must(["stop", TwoHosts.pod])
        usleep(300_000)
        let heard = FrameComparison(reference: music.reference, recording: try hosts.a.recorder.finish())
        #expect(heard.lost == 0 && heard.altered == 0, "\(heard)")
        #expect(heard.repeated < 44100, "\(heard)")
    }

    @Test func aSessionThatIsResampledOnBothHostsLosesNothing() throws {
        let hosts = try TwoHosts(rate: 48000)
        let music = try MusicMove(pod: TwoHosts.pod, mpegFrames: Self.length, scratch: hosts.folder.path)
        // What the resampled music sounds like that nobody moves.
        try music.start(on: hosts.a)
        try hosts.a.waitUntilPlayed(44100, pod: TwoHosts.pod)
        try hosts.a.waitUntilSilent(pod: TwoHosts.pod)
        try hosts.a.must(["stop", TwoHosts.pod])
        usleep(300_000)
        let whole = try hosts.a.recorder.finish()
        try hosts.a.recordAnew()

        let report = try music.play(from: hosts.a, to: hosts.b)
        let heard = FrameComparison(reference: whole, recording: report.parts.flatMap(\.frames))
        #expect(heard.isExact, "\(heard)")
    }

    @Test func theSoundPolicyIsKeptWithThePod() throws {
        let hosts = try TwoHosts()
        let set = try hosts.a.must(["policy", "full", "--pod", TwoHosts.pod], program: "podaudio")
        #expect(set.output.contains("full"))
        #expect(try hosts.b.must(["policy", "--pod", TwoHosts.pod], program: "podaudio").output.contains("full"))
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", "null"])
        #expect(hosts.a.status(of: TwoHosts.pod)?.policy == .full)
        try hosts.a.must(["policy", "portable", "--pod", TwoHosts.pod], program: "podaudio")
        #expect(hosts.a.status(of: TwoHosts.pod)?.policy == .portable)
        let unknown = try hosts.a.run(["policy", "loud"], program: "podaudio")
        #expect(unknown.status == .exited(64))
    }

    @Test func theBrokerIsTheDesktopUsersAndHasNoPowers() throws {
        let hosts = try TwoHosts()
        // As under sudo.
        hosts.a.extraEnvironment = ["SUDO_UID=65534", "SUDO_GID=65534"]
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", "null"])
        let broker = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
        let text = String(decoding: try Files.read(FilePath("/proc/\(broker)/status"), limit: 1 << 16), as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(lines.contains("Uid:\t65534\t65534\t65534\t65534"))
        #expect(lines.contains("CapEff:\t0000000000000000"))
        #expect(lines.contains("NoNewPrivs:\t1"))
        // Its programs reach it all the same.
        try hosts.a.must(["exec", TwoHosts.pod, "--", "aplay", "-q", "-d", "1", "-f", "cd", "/dev/zero"])
    }

    @Test func withoutPulseAudioTheStartSaysSoAndOffersAnotherSink() throws {
        let hosts = try TwoHosts()
        hosts.a.server.kill()
        let run = try hosts.a.run(["run", TwoHosts.pod, "--detach"])
        #expect(run.status == .exited(125))
        #expect(run.error.split(separator: "\n").count == 1)
        #expect(run.error.contains("PulseAudio") && run.error.contains("--sound"), "\(run.error)")
        #expect(TwoHosts.leftovers(on: hosts.a) == [])
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", "null"])
        #expect(hosts.a.status(of: TwoHosts.pod)?.sink.state == "connected")
    }
}
