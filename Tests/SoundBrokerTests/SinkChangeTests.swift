import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// Sinks that are chosen anew, come, go and come back, while a program plays.
@Suite(.serialized) struct SinkChangeTests {
    static let music = Frames.noise(count: 44100 * 4, seed: 13)

    /// Asks as `podaudio move` does.
    private func move(_ host: SoundHost, to sink: String, downmix: Bool = false) throws {
        try host.broker.request(.move(sink: sink, downmix: downmix))
    }

    @Test func movedThereAndBackEveryFrameIsHeardOnceAtOneSinkOrTheOther() throws {
        let host = try SoundHost()
        let other = try PulseServer(in: host.folder.appending("other"))
        let otherRecorder = try MonitorRecorder(of: other)
        let player = try host.play(Self.music, options: ["--buffer-time=200000"])
        try host.waitUntilPlayed(40000)
        try move(host, to: "pulse:\(other.address)")
        #expect(try host.broker.status().sink.spec == "pulse:\(other.address)")
        try host.waitUntilPlayed(90000)
        let middle = otherRecorder.count
        #expect(middle > 0)
        try move(host, to: host.sink)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let first = FrameComparison.withoutSilence(try host.finish())
        let second = FrameComparison.withoutSilence(try otherRecorder.finish())
        // What was heard at the one is exactly what is missing at the other.
        let place = try #require(FrameComparison.place(of: Array(second.prefix(64)), in: Self.music, near: 40000))
        let isWhole =
            Array(first[..<place]) + second + Array(first[place...]) == Self.music
        #expect(isWhole)
    }

    @Test func aSinkThatIsNotThereChangesNothing() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(10000)
        #expect(throws: BrokerClient.Problem.self) { try move(host, to: "pulse:unix:/nowhere") }
        #expect(throws: BrokerClient.Problem.self) { try move(host, to: "\(host.sink)@nosuchsink") }
        #expect(throws: BrokerClient.Problem.self) { try move(host, to: "file:/proc/nothing.wav") }
        #expect(try host.broker.status().sink.state == "connected")
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        #expect(FrameComparison(reference: Self.music, recording: try host.finish()).isExact)
    }

    /// A card that is pulled out: another becomes the default, and the stream goes on there; a new one is preferred by the
    /// server's own rules.
    @Test func whenTheDefaultSinkVanishesTheStreamGoesOnAtTheNext() throws {
        let host = try SoundHost()
        try host.server.control(["load-module", "module-null-sink", "sink_name=usb", "rate=44100", "norewinds=1"])
        try host.server.control(["set-default-sink", "usb"])
        try waitUntil("the broker follows") { try host.broker.status().sink.name == "usb" }
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(40000)
        let modules = try host.server.control(["list", "short", "modules"])
        let usb = modules.split(separator: "\n").first { $0.contains("sink_name=usb") }?.split(separator: "\t").first
        try host.server.control(["unload-module", String(try #require(usb))])
        try waitUntil("the broker follows") { try host.broker.status().sink.name == PulseServer.sinkName }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison.withoutSilence(try host.finish())
        // What came after the change is whole, to the end.
        let isSuffix = Self.music.suffix(heard.count).elementsEqual(heard)
        #expect(isSuffix && heard.count > 44100)
    }

    @Test func withNoSinkLeftTheStreamWaitsAndSaysWhyAndGoesOnWhenOneComes() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(20000)
        host.server.kill()
        try waitUntil("the broker notices") { try host.broker.status().sink.state != "connected" }
        let waiting = try #require(try host.broker.status().streams.first)
        #expect(waiting.state == "waiting")
        #expect(waiting.reason?.contains("cannot reach the PulseAudio server") == true)
        let again = try PulseServer(in: host.server.folder)
        let recorder = try MonitorRecorder(of: again)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        usleep(300_000)
        let heard = FrameComparison.withoutSilence(try recorder.finish())
        #expect(Self.music.suffix(heard.count).elementsEqual(heard))
        #expect(heard.count >= 44100)
    }

    /// The device shall leave the host although its sound server hangs.
    @Test func aServerThatDoesNotAnswerIsNotWaitedForAndNothingIsLost() throws {
        let host = try SoundHost()
        let player = try host.play(Self.music)
        try host.waitUntilPlayed(20000)
        kill(host.server.pid, SIGSTOP)
        player.send(SIGSTOP)
        let records = try host.broker.leave()
        kill(host.server.pid, SIGCONT)
        let played = Int(records.streams.first?.playedFrames ?? 0)
        #expect(played >= 20000)
        let other = try PulseServer(in: host.folder.appending("other"))
        let recorder = try MonitorRecorder(of: other)
        try host.broker.start(sink: "pulse:\(other.address)", records: records)
        player.send(SIGCONT)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        usleep(300_000)
        let heard = FrameComparison.withoutSilence(try recorder.finish())
        let isRest = Self.music.suffix(heard.count).elementsEqual(heard)
        #expect(isRest && heard.count == Self.music.count - played)
    }

    @Test func severalStreamsAreEachTheirOwnAtAServerAndOneMixInAFile() throws {
        let host = try SoundHost()
        let players = try (0..<3).map { _ in try host.play(Self.music) }
        try waitUntil("all three play") { try host.broker.status().streams.filter { $0.positionFrames > 0 }.count == 3 }
        #expect(try host.server.control(["list", "short", "sink-inputs"]).split(separator: "\n").count == 3)
        for player in players { #expect(player.wait().isSuccess) }

        _ = try host.broker.leave()
        let file = host.folder.appending("mix.wav")
        try host.broker.start(sink: "file:\(file.string)")
        // Full scale twice: it saturates.
        let loud = [UInt32](
            repeating: UInt32(UInt16(bitPattern: Int16(30000))) | UInt32(UInt16(bitPattern: Int16(-30000))) << 16,
            count: 3 * 48000)
        let both = try (0..<2).map { _ in try host.play(loud, rate: 48000) }
        for player in both { #expect(player.wait().isSuccess) }
        _ = try host.broker.leave()
        let mixed = Frames.unpack(Array(try Files.read(file, limit: 1 << 24).dropFirst(44)))
        let saturated = UInt32(UInt16(bitPattern: Int16.max)) | UInt32(UInt16(bitPattern: Int16.min)) << 16
        #expect(mixed.contains(saturated))
        #expect(mixed.allSatisfy { $0 == 0 || $0 == loud[0] || $0 == saturated })
    }
}
