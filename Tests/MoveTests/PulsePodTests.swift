import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// Programs that speak PulseAudio only, with every part real: Debian's PulseAudio in the pod, its sink and source the
/// pod's PCM.
@Suite(.serialized) struct PulsePodTests {
    private let pod = TwoHosts.pod

    /// Raw frames of 16 bits, stereo.
    private func format(rate: Int) -> [String] { ["--raw", "--format=s16le", "--rate=\(rate)", "--channels=2"] }

    private func put(_ frames: [UInt32], at path: String, in hosts: TwoHosts) throws {
        let file = hosts.folder.appending("frames.raw")
        try Files.write(file, Frames.pack(frames), permissions: .ownerReadWrite)
        try hosts.a.must(["cp", file.string, "\(pod):\(path)"])
        try Files.remove(file)
    }

    private func move(_ hosts: TwoHosts) throws {
        try hosts.a.must(["suspend", pod])
        try hosts.b.must(["resume", pod, "--detach", "--sound", hosts.b.sound])
    }

    /// To the end, and everything of it recorded.
    private func finish(on host: LabHost) throws {
        try host.waitUntilSilent(pod: pod)
        try host.must(["stop", pod])
        usleep(300_000)
    }

    /// What was heard on A and then on B.
    private func recording(of hosts: TwoHosts) throws -> [UInt32] {
        try [hosts.a, hosts.b].flatMap { FrameComparison.trimmed(try $0.recorder.finish()) }
    }

    @Test(arguments: [44100, 48000])
    func whatPaplayPlaysGoesOnAtTheVeryNextFrameOnAnotherHost(rate: Int) throws {
        let hosts = try TwoHosts(rate: rate, kind: .pulse)
        let noise = Frames.noise(count: rate * 8)
        try hosts.a.must(["run", pod, "--detach", "--sound", hosts.a.sound])
        try put(noise, at: "/root/noise.raw", in: hosts)
        try hosts.a.must(["exec", pod, "--detach", "--", "paplay"] + format(rate: rate) + ["/root/noise.raw"])
        try hosts.a.waitUntilPlayed(UInt64(rate) * 3, pod: pod)
        try move(hosts)
        try finish(on: hosts.b)
        let heard = FrameComparison(reference: noise, recording: try recording(of: hosts))
        #expect(heard.isExact && heard.heard == noise.count, "\(heard)")
        for host in [hosts.a, hosts.b] {
            #expect(FrameComparison.trimmed(try host.recorder.finish()).count > rate, "a part on each host")
        }
        #expect(TwoHosts.leftovers(on: hosts.a) == [])
        #expect(TwoHosts.leftovers(on: hosts.b) == [])
    }

    @Test func musicOfAPlayerThatIsNotPulseAudiosOwnGoesThereAndBack() throws {
        let hosts = try TwoHosts(kind: .pulse)
        let music = try MusicMove(pod: pod, mpegFrames: 460, output: "pulse", scratch: hosts.folder.path)
        let report = try music.play(from: hosts.a, to: hosts.b)
        #expect(report.comparison.isExact, "\(report.comparison)")
        #expect(report.comparison.heard == report.frames)
        for part in report.parts { #expect(part.frames.count > 44100, "a part on each host") }
    }

    /// Silence is mixed in, so whatever is heard but the noise is wrong.
    @Test func streamsThatComeAndGoWhileAnotherPlaysTakeNothingFromIt() throws {
        let hosts = try TwoHosts(kind: .pulse)
        let noise = Frames.noise(count: 44100 * 10)
        try hosts.a.must(["run", pod, "--detach", "--sound", hosts.a.sound])
        try put([UInt32](repeating: 0, count: 11025), at: "/root/silence.raw", in: hosts)
        try put(noise, at: "/root/noise.raw", in: hosts)
        let player = ["paplay"] + format(rate: 44100)
        try hosts.a.must(["exec", pod, "--detach", "--"] + player + ["/root/noise.raw"])
        for turn in 0..<6 {
            // To the end, and cut off.
            let cut = turn.isMultiple(of: 2) ? [] : ["timeout", "0.1"]
            _ = try hosts.a.run(["exec", pod, "--"] + cut + player + ["--latency-msec=20", "/root/silence.raw"])
        }
        try move(hosts)
        for _ in 0..<2 { try hosts.b.must(["exec", pod, "--"] + player + ["/root/silence.raw"]) }
        try finish(on: hosts.b)
        let heard = FrameComparison(reference: noise, recording: try recording(of: hosts))
        #expect(heard.isExact && heard.heard == noise.count, "\(heard)")
    }

    enum Next: CaseIterable { case anotherRate, move, end }

    /// PulseAudio calls a stream over when its last frame is written; what comes next may have it close its PCM.
    @Test(arguments: Next.allCases)
    func aStreamIsHeardToItsEndWhateverComesNext(next: Next) throws {
        let hosts = try TwoHosts(kind: .pulse)
        let noise = Frames.noise(count: 44100 * 3)
        try hosts.a.must(["run", pod, "--detach", "--sound", hosts.a.sound])
        try put(noise, at: "/root/noise.raw", in: hosts)
        let player = ["paplay"] + format(rate: 44100) + ["/root/noise.raw"]
        switch next {
        case .anotherRate:
            try put([UInt32](repeating: 0, count: 4800), at: "/root/silence.raw", in: hosts)
            try hosts.a.must(["exec", pod, "--"] + player)
            try hosts.a.must(["exec", pod, "--", "paplay"] + format(rate: 48000) + ["/root/silence.raw"])
            try hosts.a.must(["stop", pod])
        case .move:
            try hosts.a.must(["exec", pod, "--"] + player)
            try move(hosts)
            try hosts.b.must(["stop", pod])
        case .end:
            try hosts.a.must(["stop", pod])
            try hosts.a.must(["run", pod, "--sound", hosts.a.sound, "--"] + player)
        }
        usleep(300_000)
        let heard = FrameComparison(reference: noise, recording: try recording(of: hosts))
        #expect(heard.isExact && heard.heard == noise.count, "\(heard)")
    }

    @Test(arguments: [44100, 48000])
    func aRecordingIsWhatOneHostHeardAndThenWhatTheOtherDid(rate: Int) throws {
        let hosts = try TwoHosts(rate: rate, kind: .pulse, haveAir: true)
        let airs = [UInt64(1), 2].map { Frames.noise(count: rate * 60, seed: $0) }
        let singing = [try Air(airs[0], at: hosts.a.server), try Air(airs[1], at: hosts.b.server)]
        let count = rate * 6
        try hosts.a.must(["run", pod, "--detach", "--sound", hosts.a.sound])
        let recorder = "parec \(format(rate: rate).joined(separator: " ")) | head -c \(count * 4) >/root/recording"
        try hosts.a.must(["exec", pod, "--detach", "--", "sh", "-c", recorder])
        func recorded(on host: LabHost) throws -> Int {
            let size = try host.must(["exec", pod, "--", "stat", "-c", "%s", "/root/recording"]).output
            return Int(size.filter(\.isNumber)) ?? 0
        }
        try waitUntil("some has been recorded on A") { try recorded(on: hosts.a) > rate * 4 * 2 }
        try move(hosts)
        try waitUntil("the rest has been recorded on B") { try recorded(on: hosts.b) == count * 4 }
        let file = hosts.folder.appending("recording")
        try hosts.b.must(["cp", "\(pod):/root/recording", file.string])
        let recording = Frames.unpack(try Files.read(file, limit: 1 << 24))

        // The first part is one stretch of A's air, the rest one of B's.
        var rest = recording[...]
        for (name, air) in zip(["A", "B"], airs) {
            let place = try #require(
                FrameComparison.place(of: Array(rest), in: air, near: 0), "frame \(rest.startIndex) is not of \(name)")
            let part = zip(rest, air[place...]).prefix { $0 == $1 }.count
            #expect(part > rate, "a part on each host")
            rest = rest.dropFirst(part)
        }
        #expect(rest.isEmpty, "\(rest.count) frames behind frame \(rest.startIndex) are of neither")
        withExtendedLifetime(singing) {}
    }

    @Test func theDaemonIsThereForWhoeverAsksAndAgainAfterItsEnd() throws {
        let hosts = try TwoHosts(kind: .pulse)
        try hosts.a.must(["run", pod, "--detach", "--sound", "null"])
        func daemons() throws -> [String] {
            let list = try hosts.a.must(["ps", pod]).output.split(separator: "\n")
            return list.filter { $0.contains("pulseaudio") }.map { String($0.split(separator: " ")[1]) }
        }
        #expect(try daemons() == [], "nobody has asked")
        let info = try hosts.a.must(["exec", pod, "--user", "user", "--", "pactl", "info"]).output
        for device in ["Sink: mediapod\n", "Source: mediapod.input\n"] {
            #expect(info.contains("Default " + device), "\(info)")
        }
        let first = try daemons()
        #expect(first.count == 1)
        try hosts.a.must(["exec", pod, "--", "pactl", "info"])
        #expect(try daemons() == first, "one for everybody")
        try hosts.a.must(["exec", pod, "--", "sh", "-c", "kill -9 $(pidof pulseaudio)"])
        try hosts.a.must(["exec", pod, "--", "pactl", "info"])
        let second = try daemons()
        #expect(second.count == 1 && second != first)
    }
}
