import LinuxSystem
import SoundDSP
import SoundLab
import SoundSinks
import Testing

/// What every sink promises to those who record.
@Suite(.serialized) struct CaptureConformanceTests {
    private func record(_ host: SinkHost, _ source: SourceCapabilities) -> TestRecorder {
        let recorder = TestRecorder()
        recorder.stream = host.sink.makeCapture(
            SinkStreamConfiguration(
                name: "test", layout: SampleLayout(format: .s16, channelMap: ChannelMap.stereo), rate: source.rate,
                bufferFrames: 4800, periodFrames: 480), client: recorder)
        return recorder
    }

    @Test(arguments: Place.allCases)
    func everyRecordingHasWhatTheSourceHears(_ place: Place) throws {
        let host = try SinkHost(place)
        let source = try #require(host.capabilities?.source)
        #expect(source.rate == SinkHost.rate)
        let recorders = [record(host, source), record(host, source)]
        for recorder in recorders { recorder.stream?.setRunning(true) }
        try host.run("sound comes in") { recorders.allSatisfy { $0.frames.count > 4800 } }
        // Servers lose sound on its way to a recording when they adapt to what begins to play: it has begun.
        let background = try host.player([UInt32](repeating: 0, count: 96000))
        background.stream?.setRunning(true)
        try host.run("it plays") { background.played > 4800 }
        let music = Frames.noise(count: 20000)
        try host.playToEnd(try host.player(music))
        let counts = recorders.map(\.frames.count)
        try host.run("the rest has come in") {
            zip(recorders, counts).allSatisfy { $0.frames.count >= $1 + 24000 }
        }
        for recorder in recorders {
            let heard = recorder.frames.filter { $0 != 0 }
            let isExact = heard == (place.source == .sound ? music : [])
            let first = zip(heard, music).prefix { $0 == $1 }.count
            #expect(isExact, "from frame \(first) on: \(FrameComparison(reference: music, recording: heard))")
        }
    }

    @Test(arguments: Place.allCases)
    func aRecordingThatStoppedGetsNothingMore(_ place: Place) throws {
        let host = try SinkHost(place)
        let source = try #require(host.capabilities?.source)
        let (first, second) = (record(host, source), record(host, source))
        first.stream?.setRunning(true)
        second.stream?.setRunning(true)
        try host.run("sound comes in") { first.frames.count > 2400 && second.frames.count > 2400 }
        var isStopped = false
        first.stream?.stop { isStopped = true }
        try host.run("the first has stopped") { isStopped }
        let (count, before) = (first.frames.count, second.frames.count)
        try host.run("the second goes on") { second.frames.count > before + 9600 }
        #expect(first.frames.count == count)
        second.onCaptured = { second.stream?.close() }
        try host.pass(9600)
    }
}
