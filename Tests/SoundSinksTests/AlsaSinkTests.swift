import Glibc
import LinuxSystem
import SoundDSP
import SoundLab
import SoundSinks
import SystemPackage
import Testing

/// What is ALSA's own: devices that run empty, rest, vanish, or are not there.
@Suite(.serialized) struct AlsaSinkTests {
    static let music = Frames.noise(count: 30000)

    @Test func aDeviceThatRanEmptyGoesOnWhereItWas() throws {
        let host = try SinkHost(.alsa)
        let player = try host.player(Self.music)
        player.stream?.setRunning(true)
        for part in 1...2 {
            try host.run("a part has been played") { player.played >= UInt64(part * 9000) }
            // Nobody feeds the device meanwhile: longer than anything it can have ahead.
            usleep(400_000)
        }
        try host.playToEnd(player)
        #expect(host.states.isEmpty)
        try expectHeard(Self.music, at: host)
    }

    @Test func aDeviceThatRestsPlaysAgain() throws {
        let host = try SinkHost(.alsaOfThePod)
        let half = Self.music.count / 2
        try host.playToEnd(try host.player(Array(Self.music[..<half])))
        try host.run("the device rests") { try host.isResting() }
        try host.playToEnd(try host.player(Array(Self.music[half...])))
        try expectHeard(Self.music, at: host)
    }

    @Test func aDeviceThatVanishesIsPlayedAtAgainFromWhereItWas() throws {
        let host = try SinkHost(.alsa)
        let player = try host.player(Self.music)
        player.stream?.setRunning(true)
        try host.run("a part has been played") { player.played >= 9000 }
        host.breakServer()
        try host.run("the sink notices") { host.capabilities == nil }
        guard case .failed(let reason) = host.states.last else { throw Failure("the sink", "has not failed") }
        #expect(reason.contains("card"))
        var count: UInt64?
        player.stream?.stop { count = $0 }
        #expect(count == player.played)
        player.stream?.close()
        try host.mendServer()
        try host.run("the sink is there again") { host.capabilities != nil }
        let rest = Array(Self.music[Int(player.played)...])
        try host.playToEnd(try host.player(rest))
        try expectHeard(rest, at: host)
    }

    @Test func aPCMThatIsNotThereIsSaidToBeMissing() throws {
        let watcher = Watcher()
        let sink = try AlsaSink(pcm: "nowhere", on: try EventLoop(), observer: watcher)
        #expect(sink.state == .failed("cannot open the ALSA PCM nowhere: there is none of that name"))
        sink.close()
    }

    @Test func aCardThatRefusesEveryRateIsSaidToDoSo() throws {
        let folder = try LabFolder("mediapod-sink")
        let source = LabBroker.repository.appending("Tests/SoundSinksTests/Programs/refuser.c")
        let library = folder.appending("refuser.so")
        let options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-DPIC"]
        _ = try Pipeline.output(of: Command("cc", options + ["-o", library.string, source.string, "-lasound"]))
        let configuration = folder.appending("asound.conf")
        let text = "pcm_type.refuser { lib \"\(library.string)\" } pcm.card { type refuser }\n"
        try Files.write(configuration, Array(text.utf8), permissions: .ownerReadWrite)
        setenv("ALSA_CONFIG_PATH", configuration.string, 1)
        defer { unsetenv("ALSA_CONFIG_PATH") }
        let watcher = Watcher()
        let sink = try AlsaSink(pcm: "card", on: try EventLoop(), observer: watcher)
        #expect(
            sink.state
                == .failed("cannot use the ALSA PCM card: it refuses its own parameters: Invalid argument"))
        sink.close()
    }

    private final class Watcher: SinkObserver {
        func sinkStateChanged(_ sink: any SoundSink) {}
    }

    /// It has them, and nothing else.
    @Test func aCardOfSixChannelsIsPlayedAtWithAllOfThem() throws {
        let bindings = (0..<6).map { "\($0) { slave all channel \($0) }" }.joined(separator: " ")
        let host = try SinkHost(
            .alsaNull,
            card: "pcm.card { type multi slaves.all { pcm { type null } channels 6 } bindings { \(bindings) } }")
        #expect(host.capabilities?.channelMap == ChannelMap.standard(channels: 6))
        #expect(host.sink.layout(for: .s16, ChannelMap.stereo).channels == 6)
    }
}
