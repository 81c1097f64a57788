import LinuxSystem
import SoundLab
import SoundSinks
import Testing

/// What a stream at a server says of the way from its buffer to the ear.
@Suite(.serialized) struct PulseDelayTests {
    /// A null sink that nobody plays at renders two seconds ahead, and a stream that begins can take back 50 ms of that:
    /// all the rest is heard first.
    @Test func theDelayIsToldBeforeAServerBeginsToRead() throws {
        let host = try SinkHost(.pulseAudio, rendersAhead: true)
        try waitUntil("the sink has rendered ahead") { try host.sinkLatency() > 1_500_000 }
        let player = try host.player(Frames.noise(count: Int(SinkHost.rate)))
        var told: [UInt64] = []
        player.onPlayed = { if player.played == 0 { told.append(player.delay) } }
        player.stream?.setRunning(true)
        try host.run("the server reads") { player.played > 0 }
        let first = try #require(told.first)
        // More than a sink that renders for it takes (50 ms), and no more than had been rendered.
        #expect(first > 100_000_000 && first < 2_000_000_000, "\(told)")
        #expect(try told.count == 1 || #require(told.last) < first, "it becomes less: \(told)")
        try host.run("it is what the sink takes then") { player.delay < 200_000_000 }
        try host.playToEnd(player)
    }
}
