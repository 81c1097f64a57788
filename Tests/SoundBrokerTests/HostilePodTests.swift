import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// A pod that speaks the protocol and means harm, beside a program of the same pod that only plays.
@Suite(.serialized) struct HostilePodTests {
    /// What a broker may take of the host's memory, KiB: less than 256 MiB of its own, whatever the pod does (128 streams,
    /// for each of which it and libpulse keep at most 1 MiB of sound and some hundred KiB to convert it in) ...
    static let ownLimit = 256 << 10
    /// ... and 512 MiB of rings, which are the pod's own memory.
    static let limit = ownLimit + 512 << 10

    private static let program: Result<String, any Error> = Result {
        let folder = LabBroker.repository.pushing("build/lab")
        try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        let program = folder.appending("hostile").string
        let include = LabBroker.repository.pushing("Sources/SoundABI/include")
        let source = LabBroker.repository.pushing("Tests/SoundBrokerTests/Programs/hostile.c")
        let options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O2", "-I\(include.string)"]
        _ = try Pipeline.output(of: Command("cc", options + ["-o", program, source.string]))
        return program
    }

    /// One way to do harm, and what the broker's log must say of it.
    struct Harm: Sendable, CustomTestStringConvertible {
        var mode: String
        var reasons: [String] = []
        var rate = 44100
        var seeds = [1]
        /// How many descriptors the broker may have beyond those of a moment ago.
        var spareDescriptors: Int?
        var testDescription: String { "\(mode) at \(rate) Hz" }
    }

    private static let harms = [
        Harm(mode: "wild", reasons: ["closed a connection from the pod", "position"], seeds: [1, 2]),
        Harm(mode: "wild", reasons: ["closed a connection from the pod", "position"], rate: 48000, seeds: [3, 4]),
        Harm(mode: "afar", reasons: ["a position 72057594037927936 of the program's"]),
        Harm(
            mode: "memory",
            reasons: [
                "unusable ring: memory(Operation not permitted)", "unusable ring: memory(Invalid argument)",
                "unusable ring: header", "configured without its two descriptors", "too long a message",
            ]),
        Harm(mode: "linger", reasons: ["unusable ring"]),
        Harm(mode: "wake"),
        Harm(mode: "deaf"),
        Harm(mode: "flood", reasons: ["lines about the pod were left out here"]),
        // A sink, a stream and a pod's connections are there; a few more come, then none.
        Harm(mode: "starve", reasons: ["cannot take a connection: Too many open files"], spareDescriptors: 12),
        Harm(mode: "thousand", reasons: ["its ring would make all rings of the pod's more than 512 MiB"]),
    ]

    @Test(arguments: harms) func aHostileProgramHarmsNobodyElse(harm: Harm) throws {
        let host = try SoundHost(rate: harm.rate)
        let broker = try #require(host.broker.pid)
        let music = Frames.noise(count: harm.rate * 4, seed: 5)
        let player = try host.play(music, rate: harm.rate)
        try host.waitUntilPlayed(4410)
        if let spare = harm.spareDescriptors {
            let count = Self.descriptors(of: broker) + spare
            _ = try Pipeline.output(of: Command("prlimit", ["--pid", "\(broker)", "--nofile=\(count)"]))
        }
        let log = host.folder.appending("hostile.log")
        let hostile = try harm.seeds.map { seed in
            try ChildProcess(
                Command(try Self.program.get(), [host.broker.socket.string, harm.mode, "\(seed)"]), writingTo: log)
        }
        var own = 0
        while !hostile.allSatisfy({ $0.wait(milliseconds: 20) }) {
            own = max(own, Self.kibibytes("RssAnon", of: broker) ?? 0)
        }
        let said = String(decoding: try Files.read(log, limit: 1 << 16), as: UTF8.self)
        #expect(hostile.allSatisfy { $0.status == .exited(0) }, "\(said)")

        #expect(player.wait().isSuccess, "\(host.playerLog)")
        let heard = FrameComparison(reference: music, recording: try host.finish())
        #expect(heard.isExact, "\(heard)")

        #expect(try host.broker.status().brokerPID == broker, "the same broker")
        #expect(own < Self.ownLimit, "\(own) KiB of its own")
        let most = try #require(Self.kibibytes("VmHWM", of: broker))
        #expect(most < Self.limit, "\(most) KiB")
        let text = String(decoding: try Files.read(host.broker.log, limit: 1 << 20), as: UTF8.self)
        for reason in harm.reasons { #expect(text.contains(reason), "\(text.suffix(4000))") }
        #expect(text.utf8.count < 1 << 18, "the log stays readable")
        try waitUntil("all is let go of") { try host.broker.status().streams.isEmpty }
        try waitUntil("no descriptor is left of it") { Self.descriptors(of: broker) < 32 }
    }

    private static func kibibytes(_ field: String, of process: Int32) -> Int? {
        let bytes = (try? Files.read(FilePath("/proc/\(process)/status"), limit: 1 << 16)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(field):") }
        return line?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) }
    }

    private static func descriptors(of process: Int32) -> Int {
        (try? Files.list(FilePath("/proc/\(process)/fd")))?.count ?? .max
    }
}
