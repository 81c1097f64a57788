import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// What the policy `full` opens up, and what becomes of it at a host that has less.
@Suite(.serialized) struct FullPolicyTests {
    /// What `aplay --dump-hw-params` says of one parameter.
    private static func offered(_ parameter: String, by host: SoundHost) throws -> String {
        let log: FilePath.Component = "dump.log"
        _ = try host.start(
            "aplay",
            ["-D", "mediapod", "--dump-hw-params", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2", "/dev/null"],
            log: log
        ).wait()
        let line = host.text(of: log).split(separator: "\n").last { $0.hasPrefix("\(parameter):") }
        return line.map { $0.dropFirst(parameter.count + 1).drop { $0 == " " } }.map(String.init) ?? ""
    }

    private func play(
        _ samples: Samples, _ format: String, rate: Int, channels: Int, at host: SoundHost, options: [String] = []
    ) throws -> ChildProcess {
        let file = host.folder.appending("samples.raw")
        try Files.write(file, samples.bytes, permissions: .ownerReadWrite)
        return try host.start(
            "aplay",
            ["-q", "-D", "mediapod", "-t", "raw", "-f", format, "-r", "\(rate)", "-c", "\(channels)"] + options
                + [file.string])
    }

    @Test func portableOffersWhatEveryHostCanPlayAndNothingElse() throws {
        let host = try SoundHost(rate: 48000, channelMap: PulseServer.surround51)
        #expect(try Self.offered("FORMAT", by: host) == "S16_LE")
        #expect(try Self.offered("CHANNELS", by: host) == "2")
        #expect(try Self.offered("RATE", by: host) == "[44100 48000]")
    }

    @Test func fullOffersWhatTheHostHas() throws {
        let host = try SoundHost(rate: 96000, channelMap: PulseServer.surround51, policy: .full)
        #expect(
            Set(try Self.offered("FORMAT", by: host).split(separator: " "))
                == ["S16_LE", "S24_LE", "S32_LE", "FLOAT_LE", "S24_3LE"])
        #expect(try Self.offered("CHANNELS", by: host) == "[1 6]")
        #expect(try Self.offered("RATE", by: host) == "[8000 96000]")
        #expect(try Self.offered("ACCESS", by: host).split(separator: " ").count == 4)
    }

    @Test func aChangeOfPolicyCountsForWhatIsOpenedNextAndRunningStreamsGoOn() throws {
        let host = try SoundHost(rate: 44100, channelMap: PulseServer.surround51)
        let music = Frames.noise(count: 44100 * 2)
        let player = try host.play(music)
        try host.waitUntilPlayed(10000)
        try host.broker.request(.setPolicy(.full))
        #expect(try Self.offered("CHANNELS", by: host) == "[1 6]")
        try host.broker.request(.setPolicy(.portable))
        #expect(try Self.offered("CHANNELS", by: host) == "2")
        #expect(player.wait().isSuccess, "\(host.playerLog)")
    }

    @Test(arguments: [
        ("S16_LE", "s16le", 2), ("S24_3LE", "s24le", 3), ("S24_LE", "s24-32le", 4), ("S32_LE", "s32le", 4),
        ("FLOAT_LE", "float32le", 4),
    ])
    func everyFormatPassesUnchangedWhereTheHostHasIt(format: String, pulse: String, bytes: Int) throws {
        let host = try SoundHost(rate: 48000, format: pulse, policy: .full)
        var samples = Samples(count: 24000, channels: 2, sampleBytes: bytes, isFloat: format == "FLOAT_LE")
        if format == "S24_LE" {
            // The sign goes on into the top byte, as PulseAudio gives it back.
            samples = Samples(signExtending24: samples)
        }
        #expect(try play(samples, format, rate: 48000, channels: 2, at: host).wait().isSuccess)
        usleep(300_000)
        let heard = try host.recorder.finishBytes()
        #expect(samples.place(in: heard) != nil, "not in one piece in \(heard.count) bytes")
    }

    @Test(arguments: ["S16_LE", "FLOAT_LE"])
    func sixChannelsArriveEachWhereItBelongs(format: String) throws {
        let isFloat = format == "FLOAT_LE"
        let host = try SoundHost(
            rate: 48000, channelMap: PulseServer.surround51, format: isFloat ? "float32le" : "s16le", policy: .full)
        let samples = Samples(count: 24000, channels: 6, sampleBytes: isFloat ? 4 : 2, isFloat: isFloat)
        let player = try play(samples, format, rate: 48000, channels: 6, at: host)
        #expect(player.wait().isSuccess, "\(host.text(of: "program.log"))")
        usleep(300_000)
        #expect(samples.place(in: try host.recorder.finishBytes()) != nil)
    }

    @Test func eightChannelsArriveAtTheHighestRate() throws {
        let host = try SoundHost(rate: 192_000, channelMap: PulseServer.surround71, format: "s32le", policy: .full)
        #expect(try Self.offered("CHANNELS", by: host) == "[1 8]")
        #expect(try Self.offered("RATE", by: host) == "[8000 192000]")
        let samples = Samples(count: 192_000, channels: 8, sampleBytes: 4)
        let player = try play(samples, "S32_LE", rate: 192_000, channels: 8, at: host)
        #expect(player.wait().isSuccess, "\(host.text(of: "program.log"))")
        usleep(300_000)
        // A busy machine may let it run dry, which is silence in between.
        let heard = Samples.withoutSilence(try host.recorder.finishBytes(), frameBytes: samples.frameBytes)
        let isExact = heard == samples.bytes
        #expect(isExact, "\(heard.count) of \(samples.bytes.count) bytes")
    }

    @Test func moreThanWasOfferedIsRefusedWhoeverAsks() throws {
        let host = try SoundHost(rate: 48000, channelMap: PulseServer.surround51)
        let samples = Samples(count: 4800, channels: 6, sampleBytes: 2)
        #expect(try !play(samples, "S16_LE", rate: 48000, channels: 6, at: host).wait().isSuccess)
        #expect(host.text(of: "program.log").contains("Channels count non available"))
    }

    /// The whole way: 5.1, a stereo host that refuses, the same with `--downmix`, and 5.1 again.
    @Test func sixChannelsAtAStereoHostWaitOrAreMixedAndAreSixAgainLater() throws {
        let wide = try SoundHost(rate: 48000, channelMap: PulseServer.surround51, format: "float32le", policy: .full)
        let narrow = try PulseServer(in: wide.folder.appending("narrow"), rate: 48000, format: "float32le")
        let narrowRecorder = try MonitorRecorder(of: narrow)
        // The centre alone: both fronts get it at -3 dB.
        let samples = Samples(count: 48000 * 3, channels: 6, sampleBytes: 4, isFloat: true, isolated: 4)
        let player = try play(
            samples, "FLOAT_LE", rate: 48000, channels: 6, at: wide, options: ["--buffer-time=100000"])
        try wide.waitUntilPlayed(24000)

        var records = try wide.broker.leave()
        try wide.broker.start(sink: "pulse:\(narrow.address)", policy: .full, records: records)
        try waitUntil("the stream is back") { try !wide.broker.status().streams.isEmpty }
        let waiting = try #require(try wide.broker.status().streams.first)
        #expect(waiting.state == "waiting")
        #expect(waiting.reason?.contains("it needs 6 channels (FL FR RL RR FC LFE)") == true)
        #expect(waiting.reason?.contains("has 2 (FL FR)") == true)
        let held = waiting.positionFrames

        records = try wide.broker.leave()
        try wide.broker.start(
            sink: "pulse:\(narrow.address)", policy: .full, records: records, options: ["--downmix"])
        try wide.waitUntilPlayed(held + 48000)
        records = try wide.broker.leave()
        try wide.broker.start(sink: wide.sink, policy: .full, records: records)
        #expect(player.wait().isSuccess, "\(wide.text(of: "program.log"))")
        usleep(300_000)

        // A busy machine may let a buffer of 100 ms run dry: that is silence in between, and no frame is missing.
        let onWide = Samples.withoutSilence(try wide.recorder.finishBytes(), frameBytes: 24)
        let onNarrow = Samples.withoutSilence(try narrowRecorder.finishBytes(), frameBytes: 8)
        let mixed = onNarrow.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let centre = samples.bytes.withUnsafeBytes { raw in
            stride(from: 4, to: raw.count / 4, by: 6).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        let start = Int(held)
        #expect(mixed.count / 2 >= 48000)
        let wrong = (0..<mixed.count / 2).first {
            mixed[$0 * 2] != mixed[$0 * 2 + 1] || abs(mixed[$0 * 2] - centre[start + $0] * 0.70710677) > 1e-6
        }
        #expect(wrong == nil, "\(mixed[0]) \(mixed[1]) \(centre[start]) \(mixed.count) \(start)")
        // Before and after it, the six channels as they are, none lost and none twice.
        let parts = Array(samples.bytes[..<(start * 24)]) + Array(samples.bytes[((start + mixed.count / 2) * 24)...])
        let isWhole = onWide == Samples.withoutSilence(parts, frameBytes: 24)
        #expect(isWhole)
    }
}
