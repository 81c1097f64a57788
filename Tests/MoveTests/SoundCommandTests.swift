import FoundationEssentials
import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// `podaudio` and what `mediapod` says of sound, at running pods.
@Suite(.serialized) struct SoundCommandTests {
    private func play(_ frames: [UInt8], channels: Int, on hosts: TwoHosts) throws -> ChildProcess {
        let file = hosts.folder.appending("sound.raw")
        try Files.write(file, frames, permissions: .init(rawValue: 0o644))
        try hosts.a.must(["run", TwoHosts.pod, "--detach", "--sound", hosts.a.sound])
        try hosts.a.must(["cp", file.string, "\(TwoHosts.pod):/root/sound.raw"])
        return try hosts.a.start(
            [
                "exec", TwoHosts.pod, "--", "aplay", "-q", "-D", "mediapod", "-t", "raw", "-f", "S16_LE", "-c",
                "\(channels)",
                "-r", "44100", "/root/sound.raw",
            ], output: hosts.folder.appending("aplay.out"), error: hosts.folder.appending("aplay.err"))
    }

    @Test func aSurroundSessionIsRefusedByAStereoHostUnlessItMayBeMixed() throws {
        let hosts = try TwoHosts(channelMap: PulseServer.surround51)
        try hosts.a.must(["policy", "full", "--pod", TwoHosts.pod], program: "podaudio")
        let noise = [UInt8](repeating: 7, count: 44100 * 12 * 60)
        let player = try play(noise, channels: 6, on: hosts)
        defer { withExtendedLifetime(player) {} }
        try hosts.a.waitUntilPlayed(4410, pod: TwoHosts.pod)

        // Before the old host is left.
        let check = try hosts.a.must(["check", TwoHosts.pod])
        #expect(check.output.contains("aplay plays 6 channels (FL FR RL RR FC LFE)"))
        #expect(
            try hosts.a.must(["check", TwoHosts.pod, "--sound", hosts.a.sound]).output.contains("can play all of it"))
        let refusal = try hosts.a.run(["check", TwoHosts.pod, "--sound", hosts.b.sound])
        #expect(refusal.status == .exited(1))
        #expect(refusal.output.contains("needs 6 channels") && refusal.output.contains("--downmix"))

        try hosts.a.must(["suspend", TwoHosts.pod])
        let refused = try hosts.b.run(["resume", TwoHosts.pod, "--detach", "--sound", hosts.b.sound])
        #expect(refused.status == .exited(1))
        #expect(
            refused.error.contains(
                "the sound of aplay: it needs 6 channels (FL FR RL RR FC LFE), and the sink out has 2 (FL FR)"),
            "\(refused.error)")
        #expect(refused.error.contains("--downmix") && refused.error.split(separator: "\n").count == 1)
        #expect(TwoHosts.leftovers(on: hosts.b) == [])

        try hosts.b.must(["resume", TwoHosts.pod, "--detach", "--downmix", "--sound", hosts.b.sound])
        let held = try #require(hosts.b.status(of: TwoHosts.pod)?.streams.first)
        try hosts.b.waitUntilPlayed(held.positionFrames + 4410, pod: TwoHosts.pod)
        #expect(held.configuration.channels == 6)
        try hosts.b.must(["suspend", TwoHosts.pod])
        try hosts.a.must(["resume", TwoHosts.pod, "--detach", "--sound", hosts.a.sound])
        try hosts.a.waitUntilPlayed(held.positionFrames + 8820, pod: TwoHosts.pod)
        #expect(
            try hosts.a.must(["check", TwoHosts.pod, "--sound", hosts.a.sound]).output.contains("can play all of it"))
    }

    @Test func whatAPodPlaysIsListedWatchedRecordedAndMoved() throws {
        let hosts = try TwoHosts()
        let noise = Frames.noise(count: 44100 * 10, seed: 55)
        let player = try play(Frames.pack(noise), channels: 2, on: hosts)
        try hosts.a.waitUntilPlayed(4410, pod: TwoHosts.pod)

        let listed = try hosts.a.must(["streams", "--format", "json"], program: "podaudio").output
        let streams = try JSONDecoder().decode([StreamStatus].self, from: Data(listed.utf8))
        let configuration = try #require(streams.first?.configuration)
        #expect(configuration.format == "S16_LE" && configuration.rate == 44100 && configuration.channelMap == "FL FR")
        #expect(configuration.policy == .portable && configuration.software.availMin > 0)
        #expect(configuration.software.boundary > configuration.bufferFrames && streams.first?.program == "aplay")

        let watched = try hosts.a.must(["monitor", "--count", "1"], program: "podaudio").output
        #expect(watched.contains("aplay: playback running") && watched.contains("FL  ####"))
        #expect(!watched.contains("\u{1b}"), "no colours where nobody looks")

        // A second of it, as it was heard.
        let file = hosts.folder.appending("recorded.flac")
        try hosts.a.must(["record", TwoHosts.pod, file.string, "--seconds", "1.5"], program: "podaudio")
        let recorded = FrameComparison.withoutSilence(try decode(file, in: hosts))
        let place = try #require(FrameComparison.place(of: Array(recorded.prefix(64)), in: noise, near: 8820))
        #expect(recorded.count > 22050)
        let isWhole = noise[place..<place + recorded.count].elementsEqual(recorded)
        #expect(isWhole)

        // With a loss, which noise is the worst case of: the same all the same.
        let vorbis = hosts.folder.appending("recorded.ogg")
        try hosts.a.must(["record", TwoHosts.pod, vorbis.string, "--seconds", "1"], program: "podaudio")
        let lossy = try decode(vorbis, in: hosts)
        #expect(lossy.count > 22050)
        #expect(Self.likeness(Array(lossy.suffix(16384)), in: noise) > 0.5)

        try hosts.a.must(["move", hosts.b.sound], program: "podaudio")
        let missing = try hosts.a.run(["move", "pulse:unix:/nowhere"], program: "podaudio")
        #expect(missing.status == .exited(1) && missing.error.split(separator: "\n").count == 1)
        // A bare name is of a sink where it plays now.
        for name in ["piano", "pulse@piano"] {
            let unknown = try hosts.a.run(["move", name], program: "podaudio")
            #expect(unknown.status == .exited(1) && unknown.error.contains("piano"), "\(unknown.error)")
            #expect(unknown.error.split(separator: "\n").count == 1)
        }
        #expect(try hosts.a.run(["move", "alsa:"], program: "podaudio").status == .exited(64))
        let chosen = "\(hosts.b.sound)@\(PulseServer.sinkName)"
        try hosts.a.must(["move", PulseServer.sinkName], program: "podaudio")
        #expect(hosts.a.status(of: TwoHosts.pod)?.sink.spec == chosen)
        let nowhere = try hosts.a.run(["move", "file:/nowhere/x.wav"], program: "podaudio")
        #expect(nowhere.status == .exited(1) && nowhere.error.contains("/nowhere/x.wav: no such file or directory"))
        #expect(try hosts.a.run(["record", "nopod", "x.wav"], program: "podaudio").status == .exited(1))
        let badName = try hosts.a.run(["record", TwoHosts.pod, "x.xyz"], program: "podaudio")
        #expect(badName.status == .exited(1) && badName.error.contains("end its name in .wav, .flac or .ogg"))

        // The choice outlives the broker.
        let broker = try #require(hosts.a.status(of: TwoHosts.pod)?.brokerPID)
        kill(broker, SIGKILL)
        try waitUntil("another broker plays where the first was moved to") {
            guard let status = hosts.a.status(of: TwoHosts.pod) else { return false }
            return status.brokerPID != broker && status.sink.spec == chosen && !status.streams.isEmpty
        }
        #expect(player.wait().isSuccess)
    }

    /// The highest correlation of the left channel of `part` with the same number of frames anywhere in `whole`.
    private static func likeness(_ part: [UInt32], in whole: [UInt32]) -> Double {
        func left(_ frames: [UInt32]) -> [Float] { frames.map { Float(Int16(truncatingIfNeeded: $0)) } }
        let (part, whole) = (left(part), left(whole))
        func correlation(at place: Int, count: Int) -> Double {
            var (product, mine, theirs): (Float, Float, Float) = (0, 0, 0)
            for index in 0..<count {
                let (one, other) = (part[index], whole[place + index])
                product += one * other
                mine += one * one
                theirs += other * other
            }
            return mine > 0 && theirs > 0 ? Double(product / (mine * theirs).squareRoot()) : 0
        }
        // The place by the first few frames, then all of them there.
        let places = 0...(whole.count - part.count)
        let place = places.max { correlation(at: $0, count: 256) < correlation(at: $1, count: 256) }
        return correlation(at: place ?? 0, count: part.count)
    }

    /// A file's frames, by an independent decoder.
    private func decode(_ file: FilePath, in hosts: TwoHosts) throws -> [UInt32] {
        let raw = hosts.folder.appending("decoded.raw")
        _ = try Pipeline.output(
            of: Command("sox", [file.string, "-t", "raw", "-e", "signed", "-b", "16", "-D", raw.string]))
        return Frames.unpack(try Files.read(raw, limit: 1 << 26))
    }

    @Test func aSinkIsLookedAtAndTriedWithoutAPod() throws {
        let folder = try LabFolder("mediapod-sink")
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"), rate: 48000)
        let shown = try host.must(["sink", "--sound", host.sound, "--format", "json"], program: "podaudio").output
        #expect(shown.contains("\"rate\" : 48000") && shown.contains("\"channel_map\" : \"FL FR\""))
        let short = folder.appending("short.wav")
        let noise = folder.appending("noise.raw")
        try Files.write(noise, Frames.pack(Frames.noise(count: 48000)), permissions: .ownerReadWrite)
        _ = try Pipeline.output(
            of: Command(
                "sox",
                ["-t", "raw", "-r", "48000", "-e", "signed", "-b", "16", "-c", "2", noise.string, "-D", short.string]))
        try host.must(["play", short.string, "--sound", host.sound], program: "podaudio")
        usleep(300_000)
        let bytes = try Files.read(short, limit: 1 << 20)
        let heard = FrameComparison(
            reference: Frames.unpack(Array(bytes.dropFirst(44))), recording: try host.recorder.finish())
        #expect(heard.isExact, "\(heard)")
        let nothing = try host.run(["play", "/nowhere.wav", "--sound", host.sound], program: "podaudio")
        #expect(nothing.status == .exited(1) && nothing.error.split(separator: "\n").count == 1)
        let noServer = try host.run(["sink", "--sound", "pulse:unix:/nowhere"], program: "podaudio")
        #expect(noServer.status == .exited(1) && noServer.error.contains("choose another with --sound"))
    }
}
