internal import ArgumentParser
internal import Checkpoint
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// `make bench-stream`: the stream of a session beside `tar | zstd` at the same level with as many threads, both into and
/// out of memory.
struct BenchStream: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-stream", abstract: "Measure a session's stream beside tar and zstd.")

    @Option(help: "How often each is written and read.")
    var rounds = 5

    @Option(help: "MiB of images: this machine's programs and libraries, which are as memory is.")
    var size = 1024

    func run() throws {
        let place = try MemoryPlace()
        try place.fill(mebibytes: size)
        let device = try Device.initialize(at: place.folder.appending("device"))
        let base = String(repeating: "0", count: 64)
        try Files.write(device.basePath(base), [], permissions: .ownerReadWrite)
        let pod = try device.createPod(PodConfiguration(name: "bench", base: base))
        let stage = StreamStage(place: place, pod: pod)
        var times: [String: [Double]] = [:]
        func note(_ name: String, _ body: () throws -> Double) rethrows { times[name, default: []].append(try body()) }
        for round in 1...rounds {
            print("bench-stream: round \(round) of \(rounds)")
            try note("tar | zstd", stage.packByTar)
            try note("write", { try stage.write(afterScan: true) })
            try note("write and digest", { try stage.write(afterScan: false) })
            try note("zstd | tar", stage.unpackByTar)
            try note("read", stage.read)
            try stage.changePages()
            try note("write changes", { try stage.write(afterScan: true, against: stage.full) })
            try note("read changes", stage.read)
        }
        func figure(_ name: String, _ ours: String, _ peer: String, goal: Double?) -> BenchFigure {
            BenchFigure(name, unit: "ms", ours: times[ours] ?? [], peer: times[peer] ?? [], peerName: peer, goal: goal)
        }
        try BenchReport(
            benchmark: "stream", rounds: rounds,
            figures: [
                figure("\(size) MiB written, the digests taken during the dump", "write", "tar | zstd", goal: 1.25),
                figure("\(size) MiB written, the digests first", "write and digest", "tar | zstd", goal: nil),
                figure("\(size) MiB read", "read", "zstd | tar", goal: 1.25),
                figure("one page in a hundred changed, written", "write changes", "tar | zstd", goal: nil),
                figure("one page in a hundred changed, read", "read changes", "zstd | tar", goal: 1.25),
            ]
        ).publish()
    }
}

/// A tmpfs for one run.
private final class MemoryPlace {
    let folder: FilePath
    private let keeper: LabFolder
    var images: FilePath { folder.appending("images") }

    init() throws {
        keeper = try LabFolder("mediapod-bench")
        folder = keeper.appending("memory")
        try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
        try Mounts.tmpfs(at: folder, options: "mode=0700,size=100%")
        try Files.makeFolder(images, permissions: .ownerReadWriteExecute)
    }

    deinit { try? Mounts.detach(folder) }

    func fill(mebibytes: Int) throws {
        let script = """
            cat /usr/lib/x86_64-linux-gnu/*.so* /usr/bin/* /usr/lib/x86_64-linux-gnu/*.so* /usr/bin/* 2>/dev/null |
                head -c $(($1 << 20)) > "$2/pages-1.img"
            [ $(stat -c %s "$2/pages-1.img") -eq $(($1 << 20)) ]
            """
        try Pipeline([Command("sh", ["-c", script, "sh", "\(mebibytes)", images.string])]).run()
    }

    func empty(_ name: FilePath.Component) throws -> FilePath {
        let path = folder.appending(name)
        try Files.removeTree(path)
        try Files.makeFolder(path, permissions: .ownerReadWriteExecute)
        return path
    }
}

private final class StreamStage {
    private let place: MemoryPlace
    private let pod: PodStore
    private var current: SessionManifest?
    private(set) var full: SessionManifest?
    private var blocks: FilePath { place.folder.appending("blocks") }
    private var packed: FilePath { place.folder.appending("packed") }

    init(place: MemoryPlace, pod: PodStore) {
        self.place = place
        self.pod = pod
    }

    func packByTar() throws -> Double {
        try Self.time {
            try Self.shell("tar -C '\(place.images)' -cf - . | zstd -q -c -2 -T0 > '\(packed)'")
        }
    }

    func unpackByTar() throws -> Double {
        let target = try place.empty("by-tar")
        defer { try? Files.removeTree(target) }
        return try Self.time { try Self.shell("zstd -q -d -c < '\(packed)' | tar -C '\(target)' -xf -") }
    }

    /// Up to where a commit would begin.
    func write(afterScan: Bool, against full: SessionManifest? = nil) throws -> Double {
        let writer = try pod.beginSession()
        let source = try full.map { try FullSession($0, of: pod, blocks: blocks) }
        let stream = try StreamWriter(to: writer, through: [try FilterChoice("zstd")], against: source)
        let manifest = SessionManifest(
            number: writer.number, hostname: "", kernel: "", criuVersion: "", base: "", layers: [], filters: [],
            imageBytes: 0, streamBytes: 0, streamSHA256: "", sound: SoundRecords(policy: .portable, streams: []))
        var written = manifest
        let scan = afterScan ? stream.scan(place.images) : nil
        try scan?.wait()
        let time = try Self.time {
            written = try stream.write(place.images, scan: scan ?? stream.scan(place.images), manifest: manifest)
        }
        try writer.commit(written)
        current = written
        if full == nil { self.full = written }
        return time
    }

    func read() throws -> Double {
        guard let current else { throw Failure("bench-stream", "nothing was written") }
        let target = try place.empty("unpacked")
        defer { try? Files.removeTree(target) }
        return try Self.time { try StreamReader(current, of: pod).unpack(into: target, blocks: blocks) }
    }

    /// One in a hundred.
    func changePages() throws {
        let file = try Files.openForChanging(place.images.appending("pages-1.img"))
        let size = try Files.size(of: place.images.appending("pages-1.img"))
        let bytes = (0..<64).map { _ in UInt8.random(in: .min ... .max) }
        for offset in stride(from: UInt64(0), to: size, by: 409_600) {
            let number = file.number
            try retrying { pwrite(number, bytes, bytes.count, off_t(offset)) }
        }
    }

    private static func shell(_ script: String) throws {
        try Pipeline([Command("sh", ["-ec", script])]).run()
    }

    private static func time(_ body: () throws -> Void) rethrows -> Double {
        let started = MonotonicClock.nanoseconds
        try body()
        return Double(MonotonicClock.nanoseconds - started) / 1e6
    }
}
