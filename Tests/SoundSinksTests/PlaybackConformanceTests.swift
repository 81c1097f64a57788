import LinuxSystem
import SoundDSP
import SoundLab
import SoundSinks
import Testing

/// What every sink promises to those who play. One at a time: each is about exactness, not about load.
@Suite(.serialized) struct PlaybackConformanceTests {
    static let music = Frames.noise(count: 30000)

    @Test(arguments: Place.allCases)
    func everyFrameIsRenderedOnceAndHeardUnchangedBeforeTheDrainEnds(_ place: Place) throws {
        let host = try SinkHost(place)
        let player = try host.player(Self.music)
        player.stream?.setGain(0.25)
        player.stream?.setGain(1)
        try host.playToEnd(player)
        #expect(player.rendered == Self.music.count)
        try expectHeard(Self.music, at: host)
    }

    @Test(arguments: Place.allCases)
    func aStreamThatIsHeldStandsStillAndGoesOnWithoutLoss(_ place: Place) throws {
        let host = try SinkHost(place)
        let player = try host.player(Self.music)
        for part in 1...2 {
            player.stream?.setRunning(true)
            try host.run("a part has been played") { player.played >= UInt64(part * 9000) }
            player.stream?.setRunning(false)
            try host.pass(12000)
            let (rendered, played) = (player.rendered, player.played)
            try host.pass(6000)
            #expect(player.rendered == rendered && player.played == played)
        }
        try host.playToEnd(player)
        try expectHeard(Self.music, at: host)
    }

    @Test(arguments: Place.allCases)
    func aStreamThatStopsSaysExactlyHowFarItCame(_ place: Place) throws {
        let host = try SinkHost(place)
        var position = 0
        for part in 1...3 {
            let player = try host.player(Array(Self.music[position...]))
            player.stream?.setRunning(true)
            try host.run("a part has been played") { position + Int(player.played) >= part * 7000 }
            var count: UInt64?
            player.stream?.stop { count = $0 }
            try host.run("the stream has stopped") { count != nil }
            let exact = try #require(count)
            #expect(exact >= player.played && exact <= UInt64(player.rendered))
            #expect(player.faults.isEmpty, "\(player.faults)")
            player.stream?.close()
            position += Int(exact)
        }
        try host.playToEnd(try host.player(Array(Self.music[position...])))
        try expectHeard(Self.music, at: host)
    }

    @Test(arguments: Place.allCases)
    func aStreamThatStarvedGoesOnWhenFramesAreAvailable(_ place: Place) throws {
        let host = try SinkHost(place)
        let player = try host.player(Self.music)
        player.available = 0
        player.stream?.setRunning(true)
        for available in [1, 5000, 5700, 20000] {
            player.available = available
            player.stream?.framesAvailable()
            try host.run("\(available) frames are played, not \(player.played) of \(player.rendered)") {
                player.rendered == available && player.played == UInt64(available)
            }
        }
        player.available = Self.music.count
        player.stream?.framesAvailable()
        try host.playToEnd(player)
        try expectHeard(Self.music, at: host)
    }

    @Test(arguments: Place.allCases)
    func aRewindIsRefusedOrReplacesWhatHasNotBeenHeard(_ place: Place) throws {
        let host = try SinkHost(place)
        let player = try host.player(Self.music)
        player.stream?.setRunning(true)
        try host.run("a part has been played") { player.played >= 9000 }
        let end = player.rendered
        let frames = max(1, min(2000, end - Int(player.played)))
        let other = Frames.noise(count: Self.music.count - end + frames, seed: 2)
        player.replace(from: end - frames, with: other)
        let isRewound = player.stream?.rewind(UInt64(frames)) == true
        if !isRewound { player.replace(from: end, with: Array(Self.music[end...])) }
        try host.playToEnd(player)
        guard let heard = try host.heard() else { return }
        #expect(heard.count == Self.music.count)
        let kept = zip(heard, Self.music).prefix { $0 == $1 }.count
        if isRewound {
            #expect((end - frames...end).contains(kept))
            #expect(heard[kept...] == player.frames[kept...])
        } else {
            #expect(kept == Self.music.count)
        }
    }

    @Test(arguments: Place.allCases)
    func aGainOfNothingIsSilence(_ place: Place) throws {
        let host = try SinkHost(place)
        let player = try host.player(Self.music)
        player.stream?.setGain(0)
        try host.playToEnd(player)
        try expectHeard([], at: host)
    }

    /// Constants, whose sum is the same wherever the streams meet.
    @Test(arguments: Place.allCases, [(5000, 7000), (20000, 25000)])
    func streamsAreSummedAndTheSumSaturates(_ place: Place, _ levels: (Int, Int)) throws {
        let host = try SinkHost(place)
        func frame(_ level: Int) -> UInt32 { UInt32(min(level, 32767)) * 0x10001 }
        let count = 15000
        let players = try [levels.0, levels.1].map {
            try host.player([UInt32](repeating: frame($0), count: count))
        }
        for player in players { player.stream?.setRunning(true) }
        try host.run("both have played") { players.allSatisfy(\.isDrained) }
        for player in players { #expect(player.faults.isEmpty, "\(player.faults)") }
        guard let heard = try host.heard() else { return }
        func times(_ level: Int) -> Int { heard.count { $0 == frame(level) } }
        let together = times(levels.0 + levels.1)
        #expect(times(levels.0) + together == count)
        #expect(times(levels.1) + together == count)
        #expect(heard.count == 2 * count - together, "and nothing else")
        #expect(together > 0)
    }

    enum Moment: CaseIterable {
        case render
        case played
        case drained
    }

    @Test(arguments: Place.allCases, Moment.allCases)
    func aClientMayCloseItsStreamWheneverItIsCalled(_ place: Place, _ moment: Moment) throws {
        let host = try SinkHost(place)
        let guest = try host.player([UInt32](repeating: 0, count: 9000))
        var calls = 0
        func closeOnce() {
            calls += 1
            if calls == 3 || moment == .drained { guest.stream?.close() }
        }
        switch moment {
        case .render: guest.onRender = closeOnce
        case .played: guest.onPlayed = closeOnce
        case .drained: guest.onDrained = closeOnce
        }
        let player = try host.player(Self.music)
        guest.stream?.setRunning(true)
        try host.playToEnd(player)
        try host.run("the guest is gone") { calls >= (moment == .drained ? 1 : 3) }
        let rendered = guest.rendered
        try host.pass(9000)
        #expect(guest.rendered == rendered && calls <= 3)
        try expectHeard(Self.music, at: host)
    }
}
