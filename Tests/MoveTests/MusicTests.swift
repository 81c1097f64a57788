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

    /// At the card's own rate, as nothing else is bit-exact there: it takes more than 16 bits.
    @Test func aSessionGoesOnAtAHostThatHasOnlyALSAAndBack() throws {
        let hosts = try TwoHosts(rate: 48000)
        try hosts.b.useCard("card")
        let noise = Frames.noise(count: 48000 * 9, seed: 77)
        let file = hosts.folder.appending("noise.raw")
        try Files.write(file, Frames.pack(noise), permissions: .init(rawValue: 0o644))
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", hosts.a.sound])
        try hosts.a.must(["cp", file.string, "\(TwoHosts.pod):/root/noise.raw"])
        let player = ["aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", "48000", "/root/noise.raw"]
        try hosts.a.must(["exec", TwoHosts.pod, "--detach", "--"] + player)
        for (from, to) in [(hosts.a, hosts.b), (hosts.b, hosts.a)] {
            let part = UInt64(noise.count / 3) * (from === hosts.a ? 1 : 2)
            try from.waitUntilPlayed(part, pod: TwoHosts.pod)
            try from.must(["suspend", TwoHosts.pod])
            try to.must(["resume", TwoHosts.pod, "--detach", "--sound", to.sound])
        }
        #expect(hosts.a.status(of: TwoHosts.pod)?.sink.spec == hosts.a.sound)
        try hosts.a.waitUntilSilent(pod: TwoHosts.pod)
        try hosts.a.must(["stop", TwoHosts.pod])
        usleep(300_000)
        let onA = FrameComparison.withoutSilence(try hosts.a.recorder.finish())
        let onB = FrameComparison.withoutSilence(try hosts.b.recorder.finish())
        let place = try #require(FrameComparison.place(of: Array(onB.prefix(64)), in: noise, near: noise.count / 3))
        #expect(onB.count > 48000)
        let whole = onA[..<place] + onB + onA[place...]
        let isExact = whole.elementsEqual(noise)
        #expect(isExact, "\(onA.count) and \(onB.count) of \(noise.count) frames, from \(place) on")
    }

    /// Silence in between is how long the pod stood still; the music goes on at the very next frame, here and there.
    @Test func aLiveCheckpointTakesNothingFromTheMusicAndAnotherHostGoesOnFromIt() throws {
        let hosts = try TwoHosts()
        let music = try MusicMove(pod: TwoHosts.pod, mpegFrames: Self.length, scratch: hosts.folder.path)
        try music.start(on: hosts.a)
        try hosts.a.waitUntilPlayed(100_000, pod: TwoHosts.pod)
        try hosts.a.must(["checkpoint", TwoHosts.pod])
        let written = hosts.a.status(of: TwoHosts.pod)?.streams.first?.positionFrames ?? 0
        #expect(written >= 100_000)
        try hosts.a.waitUntilSilent(pod: TwoHosts.pod)
        // It ran to its end, and no longer resumes by itself.
        try hosts.a.must(["stop", TwoHosts.pod])
        usleep(300_000)
        let whole = FrameComparison(reference: music.reference, recording: try hosts.a.recorder.finish())
        #expect(whole.isExact, "\(whole)")

        try hosts.b.must(["resume", TwoHosts.pod, "--at", "1", "--detach", "--sound", hosts.b.sound])
        try hosts.b.waitUntilSilent(pod: TwoHosts.pod)
        try hosts.b.must(["stop", TwoHosts.pod])
        usleep(300_000)
        let rest = Array(FrameComparison.trimmed(try hosts.b.recorder.finish()))
        let reference = Array(FrameComparison.trimmed(music.reference))
        let place = try #require(FrameComparison.place(of: rest, in: reference, near: Int(written)))
        #expect(place >= 90_000 && place <= Int(written) + 44100)
        let there = FrameComparison(reference: Array(reference[place...]), recording: rest)
        #expect(there.isExact, "\(there)")
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
