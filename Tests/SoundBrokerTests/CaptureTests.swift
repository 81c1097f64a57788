import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// What programs record is what the host's source gave.
@Suite(.serialized) struct CaptureTests {
    /// Plays frames where the host's source hears them.
    private func sing(_ frames: [UInt32], at server: PulseServer, rate: Int, in folder: FilePath) throws -> ChildProcess
    {
        let file = folder.appending("air.raw")
        try Files.write(file, Frames.pack(frames), permissions: .ownerReadWrite)
        return try ChildProcess(
            Command(
                "pacat",
                [
                    "--server=\(server.address)", "--device=\(PulseServer.airName)", "--format=s16le", "--rate=\(rate)",
                    "--channels=2", "--raw", "--playback", file.string,
                ], environment: ["HOME=\(folder.string)", "PATH=/usr/bin:/bin"]),
            writingTo: folder.appending("air.log"))
    }

    private func recorded(_ host: SoundHost) throws -> [UInt32] {
        Frames.unpack(try Files.read(host.folder.appending("recorded.raw"), limit: 1 << 26))
    }

    private func record(at host: SoundHost, rate: Int = 44100, options: [String] = []) throws -> ChildProcess {
        let recorder = try host.start(
            "arecord",
            ["-q", "-D", "mediapod", "-t", "raw", "-f", "S16_LE", "-r", "\(rate)", "-c", "2"] + options
                + [host.folder.appending("recorded.raw").string])
        try waitUntil("it records") { try host.broker.status().streams.contains { $0.state == "running" } }
        return recorder
    }

    @Test(arguments: [
        [], ["--buffer-time=60000", "--period-time=20000"], ["-M"], ["--buffer-size=9000", "--period-size=2999"],
    ])
    func everyFrameIsRecordedOnceAndUnchanged(options: [String]) throws {
        let host = try SoundHost(hasAir: true)
        let recorder = try record(at: host, options: options)
        let noise = Frames.noise(count: 44100 * 2, seed: 5)
        #expect(try sing(noise, at: host.server, rate: 44100, in: host.folder.path).wait().isSuccess)
        usleep(700_000)
        recorder.send(SIGINT)
        recorder.wait()
        let heard = FrameComparison(reference: noise, recording: try recorded(host))
        #expect(heard.isExact && heard.silent == 0, "\(heard) \(host.text(of: "program.log"))")
    }

    @Test func aRecordingGoesOnAtAnotherHostWithoutAGapInWhatItIsGiven() throws {
        let a = try SoundHost(hasAir: true)
        let b = try PulseServer(in: a.folder.appending("other"), hasAir: true)
        let recorder = try record(at: a)
        let noiseA = Frames.noise(count: 44100, seed: 6)
        let noiseB = Frames.noise(count: 44100, seed: 7)
        #expect(try sing(noiseA, at: a.server, rate: 44100, in: a.folder.path).wait().isSuccess)
        usleep(500_000)
        recorder.send(SIGSTOP)
        let records = try a.broker.leave()
        #expect(records.streams.first?.configuration.direction == .capture)
        try a.broker.start(sink: "pulse:\(b.address)", records: records)
        recorder.send(SIGCONT)
        try waitUntil("it records again") { try a.broker.status().streams.contains { $0.state == "running" } }
        usleep(300_000)
        #expect(try sing(noiseB, at: b, rate: 44100, in: b.folder).wait().isSuccess)
        usleep(700_000)
        recorder.send(SIGINT)
        recorder.wait()
        let all = try recorded(a)
        let heard = FrameComparison(reference: noiseA + noiseB, recording: all)
        #expect(heard.isExact, "\(heard) \(a.text(of: "program.log"))")
    }

    @Test func aRecordingAtAnotherRateIsConverted() throws {
        let host = try SoundHost(rate: 48000, hasAir: true)
        let recorder = try record(at: host)
        let noise = Frames.noise(count: 48000, seed: 8)
        #expect(try sing(noise, at: host.server, rate: 48000, in: host.folder.path).wait().isSuccess)
        usleep(500_000)
        recorder.send(SIGINT)
        recorder.wait()
        let heard = FrameComparison.trimmed(try recorded(host)).count
        // A second of the source's is a second of the stream's, and the filter rings on either side.
        #expect((44100 - 10...44100 + 400).contains(heard), "\(heard)")
    }

    @Test func whatIsNotReadInTimeIsAnOverrunAndIsTold() throws {
        let host = try SoundHost(hasAir: true)
        let recorder = try record(at: host, options: ["--buffer-time=100000"])
        recorder.send(SIGSTOP)
        try waitUntil("it overruns") { try host.broker.status().streams.first?.state == "xrun" }
        recorder.send(SIGCONT)
        try waitUntil("it goes on") { try host.broker.status().streams.first?.state == "running" }
        recorder.send(SIGINT)
        recorder.wait()
        #expect(host.text(of: "program.log").contains("overrun"))
    }

    @Test func aHostWithoutASourceIsSilence() throws {
        let host = try SoundHost()
        _ = try host.broker.leave()
        try host.broker.start(sink: "null")
        let recorder = try record(at: host, rate: 48000, options: ["-d", "1"])
        #expect(recorder.wait().isSuccess, "\(host.text(of: "program.log"))")
        let frames = try recorded(host)
        #expect(frames.count >= 48000 && frames.allSatisfy { $0 == 0 })
    }
}
