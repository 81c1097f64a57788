import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// A pod on a device, images as CRIU leaves them, and a place to unpack them to.
struct StreamPlace {
    let pod: PodStore
    /// Gone with the test.
    let folder: FilePath
    let images: FilePath
    var unpacked: FilePath { folder.appending("unpacked") }
    var blocks: FilePath { folder.appending("blocks") }
    /// Definitions of filters go there.
    var filters: FilePath { folder.appending("filters.d") }
    var table: FilterTable { FilterTable(folder: filters, upgradesBy: Self.mediapod) }

    /// Beside the test bundle.
    static let mediapod = LabBroker.binaries.appending("mediapod")

    init(_ pod: PodStore, images: FilePath? = nil) throws {
        self.pod = pod
        folder = pod.device.root.removingLastComponent()
        self.images = images ?? folder.appending("images")
        for path in [self.images, filters] { try Files.makeFolder(path, permissions: .init(rawValue: 0o755)) }
    }

    static func with(_ body: (StreamPlace) throws -> Void) throws {
        try withPod { try body(try StreamPlace($0)) }
    }

    static let records = SoundRecords(
        policy: .full,
        streams: [
            StreamRecord(
                id: String(repeating: "0f", count: 16), program: "mpg123", state: "running",
                configuration: StreamConfiguration(
                    direction: .playback, access: "RW_INTERLEAVED", format: "S16_LE", rate: 44_100, channels: 2,
                    channelMap: "FL FR", periodFrames: 1024, bufferFrames: 8192,
                    software: SoftwareParameters(availMin: 1024, startThreshold: 8192, stopThreshold: 8192),
                    policy: .full),
                playedFrames: 1_234_567, playedPhase: 11, sinkRate: 48_000, handover: 99)
        ])

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Files.write(images.appending(name), bytes, permissions: .init(rawValue: 0o644))
    }

    /// A flat folder: pages, some of them zeros, and small images of all lengths.
    func makeImages(bytes: Int = 2_000_000) throws {
        try write("pages-1.img", sampleBytes(bytes / 4096 * 4096))
        try write("pages-2.img", [UInt8](repeating: 0, count: 3 * 4096) + sampleBytes(5 * 4096, seed: 77))
        for index in 1...5 { try write("core-\(index).img", sampleBytes(3000 * index, seed: UInt64(index))) }
        try write("empty.img", [])
    }

    /// Suspends.
    @discardableResult
    func suspend(
        _ filters: [String] = ["zstd"], keys: Keys = Keys(), against full: SessionManifest? = nil,
        progress: @escaping SessionStream.Progress = { _, _ in }
    ) throws -> SessionManifest {
        let writer = try pod.beginSession()
        let source = try full.map { try FullSession($0, of: pod, blocks: blocks) }
        let stream = try StreamWriter(
            to: writer, through: try filters.map { text throws(Failure) in try FilterChoice(text) }, of: table,
            keys: keys, against: source)
        try stream.waitUntilReady()
        let scan = stream.scan(images)
        let manifest = try stream.write(
            images, scan: scan, manifest: partialManifest(writer), progress: progress)
        try writer.commit(manifest)
        return manifest
    }

    /// Only one session is kept, and what it needs.
    func tidy() throws { _ = try pod.tidy(keep: 1, isMounted: false) }

    private func partialManifest(_ writer: SessionWriter) -> SessionManifest {
        SessionManifest(
            number: writer.number, hostname: "host-a", kernel: "6.18.0", criuVersion: "4.2.1", base: someBase,
            layers: [1], filters: [], imageBytes: 0, streamBytes: 0, streamSHA256: "", sound: Self.records,
            mappedFiles: ["/usr/bin/mpg123"])
    }

    func reader(_ manifest: SessionManifest, keys: Keys = Keys()) throws -> StreamReader {
        try StreamReader(manifest, of: pod, filters: table, keys: keys)
    }

    /// Resumes, as far as the stream is concerned; gives the stream's record.
    @discardableResult
    func unpack(_ manifest: SessionManifest, keys: Keys = Keys()) throws -> SessionRecord? {
        try? Files.removeTree(unpacked)
        try Files.makeFolder(unpacked, permissions: .init(rawValue: 0o755))
        nonisolated(unsafe) var record: SessionRecord?  // written before `unpack` returns, read afterwards
        try reader(manifest, keys: keys).unpack(into: unpacked, blocks: blocks, onRecord: { record = $0 })
        return record
    }

    /// What resuming it says.
    func refusal(_ manifest: SessionManifest, keys: Keys = Keys()) -> String {
        message { try unpack(manifest, keys: keys) }
    }

    /// Unpacked, the images are what was suspended.
    func expectSame(_ location: SourceLocation = #_sourceLocation) throws {
        let difference = message {
            try Pipeline([Command("diff", ["-r", images.string, unpacked.string])]).run()
        }
        #expect(difference == "", sourceLocation: location)
    }

    /// Nothing is left to restore from.
    func expectNothing(_ location: SourceLocation = #_sourceLocation) throws {
        #expect(try Files.list(unpacked) == [], sourceLocation: location)
        #expect(try Files.kind(of: blocks) == nil, sourceLocation: location)
    }

    func shell(_ script: String) throws {
        try Pipeline([Command("sh", ["-euc", script, "sh", folder.string, images.string])]).run()
    }

    func define(_ name: String, encode: [String], decode: [String]) throws {
        let definition = try JSONText.encode(["encode": encode, "decode": decode])
        try Files.write(filters.appending("\(name).json"), definition, permissions: .init(rawValue: 0o644))
    }
}
