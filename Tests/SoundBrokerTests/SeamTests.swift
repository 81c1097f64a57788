import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// A stream that goes from a host of one sample rate to one of another.
@Suite(.serialized) struct SeamTests {
    static let music = Frames.noise(count: 44100 * 3, seed: 77)

    /// What a host of `rate` Hz plays of the whole stream.
    private static func whole(at rate: Int, options: [String] = []) throws -> [UInt32] {
        let host = try SoundHost(rate: rate, options: options)
        let player = try host.play(music)
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        return Array(FrameComparison.trimmed(try host.finish()))
    }

    /// Either host plays the very frames of the stream that is converted for its rate as a whole, up to the seam the one,
    /// from there on the other; and the time at which the one ends is the time at which the other begins.
    @Test(arguments: [(48000, 96000), (96000, 48000), (48000, 44100), (44100, 48000), (32000, 88200)])
    func eachHostPlaysItsPartOfTheUninterruptedStream(first: Int, second: Int) throws {
        let wholeFirst = try Self.whole(at: first)
        let wholeSecond = try Self.whole(at: second)
        let a = try SoundHost(rate: first)
        let b = try PulseServer(in: a.folder.appending("other"), rate: second)
        let recorderB = try MonitorRecorder(of: b)
        let player = try a.play(Self.music)
        try a.waitUntilPlayed(50000)
        player.send(SIGSTOP)
        let records = try a.broker.leave()
        try a.broker.start(sink: "pulse:\(b.address)", records: records)
        player.send(SIGCONT)
        #expect(player.wait().isSuccess, "\(a.playerLog)")
        let onA = Array(FrameComparison.trimmed(try a.finish()))
        let onB = Array(FrameComparison.trimmed(try recorderB.finish()))
        #expect(onA.count > first / 2 && onB.count > second / 2)
        let isPrefix = wholeFirst.prefix(onA.count).elementsEqual(onA)
        let isSuffix = wholeSecond.suffix(onB.count).elementsEqual(onB)
        #expect(isPrefix && isSuffix)
        // In frames of the second host: what it skips is what the first has played, to less than one.
        let skipped = Double(wholeSecond.count - onB.count)
        let played = Double(onA.count) * Double(second) / Double(first)
        #expect(abs(skipped - played) <= 1.01, "\(skipped) \(played)")
    }

    @Test(arguments: ["polyphase", "samplerate-fastest", "samplerate-medium", "samplerate-best"])
    func everyConverterIsSeamlessAcrossMovesAtTheSameRatio(converter: String) throws {
        let options = ["--converter", converter]
        let reference = try Self.whole(at: 48000, options: options)
        let host = try SoundHost(rate: 48000, options: options)
        let player = try host.play(Self.music)
        for frames: UInt64 in [30000, 80000] {
            try host.waitUntilPlayed(frames)
            player.send(SIGSTOP)
            let records = try host.broker.leave()
            try host.broker.start(sink: host.sink, records: records, options: options)
            player.send(SIGCONT)
        }
        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: reference, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")
    }
}
