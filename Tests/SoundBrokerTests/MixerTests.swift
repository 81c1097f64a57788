import FoundationEssentials
import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// The pod's mixer, by its own tools and by podaudio.
@Suite(.serialized) struct MixerTests {
    /// A tool that runs beside a broker.
    private static func run(_ program: String, _ arguments: [String], _ broker: LabBroker, in folder: LabFolder) throws
        -> (status: LinuxSystem.ExitStatus, output: String)
    {
        // podaudio finds a broker where the engine puts it.
        let host = folder.path.pushing("run/pods/lab/host")
        try Files.makeFolders(host, permissions: .init(rawValue: 0o755))
        symlink(broker.control.string, host.appending("broker").string)
        let output = folder.appending("output")
        try? Files.remove(output)
        let process = try ChildProcess(
            Command(
                program, arguments,
                environment: broker.environment + ["MEDIAPOD_RUNTIME=\(folder.appending("run").string)"]),
            writingTo: output)
        let status = process.wait()
        return (status, String(decoding: try Files.read(output, limit: 1 << 16), as: UTF8.self))
    }

    private static func amixer(_ arguments: [String], _ broker: LabBroker, in folder: LabFolder) throws -> String {
        let (status, output) = try run("amixer", ["-D", "mediapod"] + arguments, broker, in: folder)
        #expect(status.isSuccess, "\(output)")
        return output
    }

    private static func podaudio(_ arguments: [String], _ broker: LabBroker, in folder: LabFolder) throws -> String {
        let program = LabBroker.binaries.appending("podaudio").string
        let (status, output) = try run(program, arguments, broker, in: folder)
        #expect(status.isSuccess, "\(output)")
        return output
    }

    /// Of both channels.
    private static func power(_ frames: [UInt32]) -> Double {
        FrameComparison.trimmed(frames).reduce(0) { sum, frame in
            let left = Double(Int16(truncatingIfNeeded: frame)), right = Double(Int16(truncatingIfNeeded: frame >> 16))
            return sum + left * left + right * right
        }
    }

    @Test func halfTheVolumeIsHalfTheLevel() throws {
        let host = try SoundHost()
        let shown = try Self.amixer(["sset", "Master", "50%"], host.broker, in: host.folder)
        #expect(shown.contains("[50%] [-6.02dB] [on]"))
        #expect(try Self.podaudio(["volume"], host.broker, in: host.folder).contains("50% (-6.02 dB)"))
        let music = Frames.noise(count: 44100)
        #expect(try host.play(music).wait().isSuccess, "\(host.playerLog)")
        let heard = try host.finish()
        #expect(FrameComparison.trimmed(heard).count == music.count)
        // A quarter of the power, but for what rounding to 16 bits leaves.
        let ratio = Self.power(heard) / Self.power(music)
        #expect((0.2495...0.2505).contains(ratio), "\(ratio)")
    }

    @Test func aMutedPodPlaysOnInSilence() throws {
        let host = try SoundHost()
        _ = try Self.podaudio(["mute", "on"], host.broker, in: host.folder)
        #expect(try host.play(Frames.noise(count: 22050)).wait().isSuccess, "\(host.playerLog)")
        #expect(FrameComparison.trimmed(try host.finish()).isEmpty)
    }

    /// Muted, suspended, resumed; then the broker dies before anybody says anything to it.
    @Test func aPodThatCameMutedStaysSoWhenItsBrokerDies() throws {
        let folder = try LabFolder("mediapod-mixer")
        let broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "null", remembers: true)
        _ = try Self.podaudio(["mute", "on"], broker, in: folder)
        _ = try Self.podaudio(["volume", "30"], broker, in: folder)
        let records = try broker.leave()
        try Files.remove(broker.memory)
        try broker.start(sink: "null", records: records, remembers: true)
        broker.kill()
        try broker.start(sink: "null", remembers: true)
        let mixer = try broker.status().mixer
        #expect(mixer.playbackMuted && mixer.playback > 0.02 && mixer.playback < 0.35)
    }

    @Test func whatOneSideSetsTheOtherShows() throws {
        let folder = try LabFolder("mediapod-mixer")
        let broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "null")
        _ = try Self.amixer(["sset", "Capture", "25%", "nocap"], broker, in: folder)
        struct Answer: Decodable {
            var volume_percent: Double
            var muted: Bool
        }
        let json = try Self.podaudio(["volume", "--capture", "--format", "json"], broker, in: folder)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(json.utf8))
        #expect(answer.volume_percent == 25 && answer.muted)

        _ = try Self.podaudio(["volume", "40"], broker, in: folder)
        _ = try Self.podaudio(["volume", "-15"], broker, in: folder)
        _ = try Self.podaudio(["volume", "+1"], broker, in: folder)
        _ = try Self.podaudio(["mute", "toggle"], broker, in: folder)
        #expect(try Self.amixer(["sget", "Master"], broker, in: folder).contains("[26%] [-11.70dB] [off]"))
        #expect(try Self.amixer(["sget", "Capture"], broker, in: folder).contains("[25%] [-12.04dB] [off]"))
    }

    @Test(arguments: [
        ["volume", "loud"], ["volume", "101"], ["volume", "1e1"], ["volume", "+-3"], ["volume", "3", "4"],
        ["volume", "--loud"], ["mute", "perhaps"],
    ])
    func whatIsNoVolumeIsUsage(arguments: [String]) throws {
        let folder = try LabFolder("mediapod-mixer")
        let broker = try LabBroker(in: folder.appending("broker"))
        let program = LabBroker.binaries.appending("podaudio").string
        let (status, output) = try Self.run(program, arguments, broker, in: folder)
        #expect(status == .exited(64), "\(output)")
    }

    /// What watches the mixer polls one descriptor for all its life.
    @Test func whoWatchesHearsOfEveryChangeWhateverBecomesOfTheBroker() throws {
        let folder = try LabFolder("mediapod-mixer")
        let broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "null", remembers: true)
        let log = folder.appending("events")
        // Line by line, as on a terminal. (alsactl monitor wants a /dev/snd, which no pod has.)
        let watcher = try ChildProcess(
            Command("stdbuf", ["-oL", "amixer", "-D", "mediapod", "events"], environment: broker.environment),
            writingTo: log)
        func count(_ text: String) -> Int {
            let all = String(decoding: (try? Files.read(log, limit: 1 << 20)) ?? [], as: UTF8.self)
            return all.split(separator: "\n").count { $0.contains(text) }
        }
        try waitUntil("amixer listens") { count("Ready to listen") == 1 }
        var volume = 100
        func change(_ what: String) throws {
            let before = count("event value: numid=1,iface=MIXER,name='Master Playback Volume'")
            volume -= 10
            _ = try Self.podaudio(["volume", "\(volume)"], broker, in: folder)
            try waitUntil("amixer hears \(what)") { count("event value: numid=1,") > before }
        }
        try change("a change")

        let records = try broker.leave()
        #expect(records.mixer.playback == Double(volume) / 100)
        // What that host knew stays there.
        try? Files.remove(broker.memory)
        try broker.start(sink: "null", records: records, remembers: true)
        #expect(try broker.status().mixer == records.mixer)
        try change("a change at the broker of another host")
        #expect(try Self.amixer(["sget", "Master"], broker, in: folder).contains("[\(volume)%]"))

        try waitUntil("the volume is on file") {
            let bytes = (try? Files.read(broker.memory, limit: 4096)) ?? []
            return String(decoding: bytes, as: UTF8.self).contains("0.\(volume / 10)")
        }
        broker.kill()
        try broker.start(sink: "null", remembers: true)
        #expect(try broker.status().mixer.playback == Double(volume) / 100)
        try change("a change at the broker after one that was killed")
        #expect(!watcher.hasEnded)
        #expect(count("Switch") == 2 && count("Capture Volume") == 1, "nothing else changed since it listed them")
    }
}
