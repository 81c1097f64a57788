import LinuxSystem
import SoundDSP
import SoundLab
import SoundSinks
import Testing

/// Recordings at servers, several at once.
@Suite(.serialized) struct PulseRecordingTests {
    private func record(_ host: SinkHost) throws -> TestRecorder {
        let source = try #require(host.capabilities?.source)
        let recorder = TestRecorder()
        recorder.stream = host.sink.makeCapture(
            SinkStreamConfiguration(
                name: "test", layout: SampleLayout(format: .s16, channelMap: ChannelMap.stereo), rate: source.rate,
                bufferFrames: 4800, periodFrames: 480), client: recorder)
        recorder.stream?.setRunning(true)
        return recorder
    }

    /// PipeWire's server, when it is late, sends nothing of a recording whose connection is another stream's too.
    @Test(arguments: [Place.pulseAudio, .pipeWire])
    func noneWaitsForAnotherStreamOnABusyMachine(_ place: Place) throws {
        let host = try SinkHost(place)
        let busy = try BusyProcessors(in: host.folder)
        defer { busy.stop() }
        let player = try host.player([UInt32](repeating: 0, count: 480_000))
        player.stream?.setRunning(true)
        let recorders = try (0..<3).map { _ in try record(host) }
        try host.run("all hear two seconds") { recorders.allSatisfy { $0.frames.count > 2 * Int(SinkHost.rate) } }
    }

    /// There are fewer connections than these, and they come and go.
    @Test func manyShareAFewConnections() throws {
        let host = try SinkHost(.pulseAudio)
        for _ in 0..<3 {
            var recorders = try (0..<10).map { _ in try record(host) }
            try host.run("all hear something") { recorders.allSatisfy { $0.frames.count > 4800 } }
            // Some of them, and one that has hardly begun: the others go on.
            recorders.append(try record(host))
            for closed in recorders.suffix(6) { closed.stream?.close() }
            recorders.removeLast(6)
            let counts = recorders.map(\.frames.count)
            try host.run("the others go on") {
                zip(recorders, counts).allSatisfy { $0.frames.count > $1 + 4800 }
            }
            for recorder in recorders { recorder.stream?.close() }
        }
    }

    @Test func allAreLostWithTheirServerAndAskedForAnewAtTheNext() throws {
        let host = try SinkHost(.pulseAudio)
        let recorders = try (0..<6).map { _ in try record(host) }
        try host.run("all hear something") { recorders.allSatisfy { $0.frames.count > 4800 } }
        // Its connection has not been made yet when the server goes, or has just been.
        let late = try record(host)
        host.breakServer()
        try host.run("all are told") { (recorders + [late]).allSatisfy(\.isLost) }
        for recorder in recorders + [late] { recorder.stream?.close() }
        try host.mendServer()
        try host.run("the sink is ready again") { host.capabilities?.source != nil }
        let next = try record(host)
        try host.run("it is heard again") { next.frames.count > 4800 }
    }
}
