import Glibc
import LinuxSystem
import SoundControl
import SoundDSP
import SoundLab
import SoundSinks
import SystemPackage
import Testing

/// A sink in this process, at a place whose sound is recorded.
final class SinkHost: SinkObserver {
    let place: Place
    let folder: LabFolder
    private(set) var states: [SinkState] = []
    private var server: (any LabSoundServer)?
    private var recorder: MonitorRecorder?
    /// A server that renders as far ahead as it likes: nobody records it, who would want to hear it soon.
    private let rendersAhead: Bool
    private var broker: LabBroker?
    private let loop: EventLoop
    private let pulseLoop: PulseLoop
    /// Lets `run` look at its condition.
    private var ticker: LoopTimer?
    private var opened: (any SoundSink)?
    static let rate: UInt32 = 48000

    /// Returns when the sink is ready. `card` is an ALSA configuration in place of the usual one.
    init(_ place: Place, card: String? = nil, rendersAhead: Bool = false) throws {
        self.place = place
        self.rendersAhead = rendersAhead
        folder = try LabFolder("mediapod-sink")
        loop = try EventLoop()
        pulseLoop = try PulseLoop(running: loop)
        ticker = try LoopTimer(on: loop) {}
        ticker?.set(nanoseconds: 1, interval: 2_000_000)
        try startServer()
        try writeConfiguration(card)
        opened = try makeSink()
        try run("the sink is ready") { capabilities != nil }
    }

    deinit {
        opened?.close()
        // What it holds in memory would be taken for the next test's.
        unsetenv("ALSA_CONFIG_PATH")
        broker?.kill()
        recorder = nil
        server = nil
    }

    private func startServer() throws {
        switch place {
        case .pulseAudio, .alsa, .alsaOfThePod:
            server = try PulseServer(
                in: folder.appending("sound"), rate: Int(Self.rate), rendersAhead: rendersAhead)
        case .pipeWire: server = try PipeWireServer(in: folder.appending("sound"))
        default: return
        }
        if !rendersAhead { recorder = try server.map { try MonitorRecorder(of: $0) } }
    }

    /// How long it takes until what PulseAudio's sink renders next is heard, µs.
    func sinkLatency() throws -> Int {
        let text = try (server as? PulseServer)?.control(["list", "sinks"]) ?? ""
        let line = try #require(text.split(separator: "\n").first { $0.contains("Latency:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    }

    private var recording: FilePath { folder.appending("recording") }

    /// Where ALSA finds its PCMs.
    private func writeConfiguration(_ card: String?) throws {
        if place == .alsaOfThePod, let server {
            let broker = try LabBroker(in: folder.appending("broker"))
            self.broker = broker
            try broker.start(sink: "pulse:\(server.address)")
            setenv("ALSA_CONFIG_PATH", broker.alsaConfiguration.string, 1)
            return
        }
        let path = folder.appending("asound.conf")
        let text = card ?? place.alsaConfiguration(server: server?.address ?? "", file: recording)
        try Files.write(path, Array((text + "\n").utf8), permissions: .ownerReadWrite)
        setenv("ALSA_CONFIG_PATH", path.string, 1)
    }

    private func makeSink() throws -> any SoundSink {
        switch place {
        case .pulseAudio, .pipeWire:
            try PulseSink(
                server: server?.address, sink: nil, applicationName: "test", on: pulseLoop, eventLoop: loop,
                observer: self)
        case .alsa, .alsaFile, .alsaNull: try AlsaSink(pcm: "card", on: loop, observer: self)
        case .alsaOfThePod: try AlsaSink(pcm: "mediapod", on: loop, observer: self)
        case .waveFile: try ClockedSink(file: recording, rate: Self.rate, on: loop, observer: self)
        case .nowhere: try ClockedSink(nullAt: Self.rate, on: loop, observer: self)
        }
    }

    func sinkStateChanged(_ sink: any SoundSink) { states.append(sink.state) }

    var sink: any SoundSink {
        guard let opened else { preconditionFailure("there is one from init on") }
        return opened
    }

    var capabilities: SinkCapabilities? {
        if case .ready(let capabilities) = opened?.state { capabilities } else { nil }
    }

    /// Lets the sink work until `condition` holds.
    func run(_ what: @autoclosure () -> String, until condition: () throws -> Bool) throws {
        let deadline = MonotonicClock.nanoseconds + 60_000_000_000
        var failure: (any Error)?
        try pulseLoop.run {
            do {
                return try condition() || MonotonicClock.nanoseconds > deadline
            } catch {
                failure = error
                return true
            }
        }
        if let failure { throw failure }
        guard try condition() else { throw Failure(what(), "not within 60 s") }
    }

    /// The server's end, as when a device is unplugged.
    func breakServer() {
        recorder = nil
        (server as? PulseServer)?.kill()
        server = nil
    }

    /// Whether the card, which is the pod's PCM, plays nothing.
    func isResting() throws -> Bool {
        try broker?.status().streams.allSatisfy { $0.state == "prepared" } ?? false
    }

    /// The same place again, recorded anew.
    func mendServer() throws { try startServer() }

    // MARK: Streams

    /// A stream that has `frames` to play.
    func player(_ frames: [UInt32], ahead: Int = 4800) throws -> TestPlayer {
        let layout = sink.layout(for: .s16, ChannelMap.stereo)
        let rate = try #require(capabilities).rate
        #expect(rate == Self.rate, "the device's own")
        let player = TestPlayer(frames, layout: layout)
        player.stream = sink.makeStream(
            SinkStreamConfiguration(
                name: "test", layout: layout, rate: rate, bufferFrames: ahead, periodFrames: 480), client: player)
        return player
    }

    /// Lets the sink play silence for that many frames, paced by itself.
    func pass(_ frames: Int) throws {
        let silence = try player([UInt32](repeating: 0, count: frames))
        try playToEnd(silence)
    }

    /// Plays to the last frame, and closes the stream.
    func playToEnd(_ player: TestPlayer) throws {
        player.stream?.setRunning(true)
        try run("a stream has played to its end") { player.isDrained }
        player.stream?.close()
        #expect(player.played == UInt64(player.frames.count))
        #expect(player.faults.isEmpty, "\(player.faults)")
    }

    // MARK: What was heard

    /// All frames but silence, in order; ends the sink. `nil` where nothing can be heard.
    func heard() throws -> [UInt32]? {
        guard place.isHeard else { return nil }
        let frames: [UInt32]
        if let recorder {
            // What was played last comes through the monitor before what is played now.
            let count = recorder.count
            try run("the recorder has it all") { recorder.count >= count + Int(Self.rate) / 2 }
            frames = try recorder.finish()
        } else {
            sink.close()
            let bytes = try Files.read(recording, limit: 1 << 26)
            frames = place == .waveFile ? Frames.unpack(Array(bytes.dropFirst(44))) : Self.stereo(of: bytes)
        }
        return frames.filter { $0 != 0 }
    }

    /// Stereo of 32 bits, the upper half of each.
    private static func stereo(of bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map { frame in
                let left = bytes.loadUnaligned(fromByteOffset: frame * 8, as: UInt32.self)
                let right = bytes.loadUnaligned(fromByteOffset: frame * 8 + 4, as: UInt32.self)
                // Where there is more than 16 bits but full scale, it is something that nobody played.
                let isPlayed = [left, right].allSatisfy { $0 & 0xFFFF == 0 || $0 == 0x7FFF_FFFF }
                return isPlayed ? left >> 16 | right & 0xFFFF_0000 : UInt32.max
            }
        }
    }
}

/// Expects that all of `reference`, which is never silent, was heard once and in order.
func expectHeard(_ reference: [UInt32], at host: SinkHost, sourceLocation: SourceLocation = #_sourceLocation) throws {
    guard let heard = try host.heard() else { return }
    let comparison = FrameComparison(reference: reference, recording: heard)
    let first = zip(heard, reference).prefix { $0 == $1 }.count
    // Not the frames themselves: there are thousands, and a difference would be searched among them.
    let isExact = heard == reference
    #expect(isExact, "from frame \(first) on: \(comparison)", sourceLocation: sourceLocation)
}
