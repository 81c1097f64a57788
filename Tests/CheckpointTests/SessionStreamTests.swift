import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SoundControl
import SystemPackage
import Testing

@Suite("A session's stream")
struct SessionStreamTests {
    private let records = SoundRecords(
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

    /// Images as CRIU leaves them: a flat folder.
    private func makeImages(at folder: FilePath, bytes: Int = 2_000_000) throws {
        try Files.makeFolder(folder, permissions: .init(rawValue: 0o755))
        try Files.write(folder.appending("pages-1.img"), sampleBytes(bytes), permissions: .init(rawValue: 0o600))
        for index in 1...5 {
            let bytes = sampleBytes(3000, seed: UInt64(index))
            try Files.write(folder.appending("core-\(index).img"), bytes, permissions: .init(rawValue: 0o644))
        }
    }

    private func commit(
        _ pod: PodStore, images: FilePath, filters: [Filter] = [.zstd],
        progress: @escaping SessionStream.Progress = { _, _ in }
    ) throws -> SessionManifest {
        let writer = try pod.beginSession()
        let summary = try SessionStream.write(
            images: images, records: records, to: writer, filters: filters, progress: progress)
        var manifest = writer.manifest()
        manifest.filters = summary.filters
        manifest.imageBytes = summary.imageBytes
        manifest.streamBytes = summary.streamBytes
        manifest.streamSHA256 = summary.sha256
        try writer.commit(manifest)
        return manifest
    }

    private func withSession(_ body: (PodStore, SessionManifest, _ images: FilePath, _ place: FilePath) throws -> Void)
        throws
    {
        try withPod { pod in
            let folder = pod.device.root.removingLastComponent()
            let images = folder.appending("images")
            try makeImages(at: images)
            let place = folder.appending("restored")
            try Files.makeFolder(place, permissions: .init(rawValue: 0o755))
            try body(pod, try commit(pod, images: images), images, place)
        }
    }

    @Test("comes back as it was, with its sound records")
    func roundTrip() throws {
        try withSession { pod, manifest, images, place in
            #expect(manifest.imageBytes > 2_000_000 && manifest.streamBytes < manifest.imageBytes)
            #expect(try Files.size(of: pod.stateFile(ofSession: 1)) == manifest.streamBytes)
            try SessionStream.verify(manifest, of: pod)
            #expect(try SessionStream.read(manifest, of: pod, into: place) == records)
            try Pipeline([Command("diff", ["-r", images.string, place.string])]).run()
        }
    }

    @Test("is an ordinary tar in an ordinary zstd file")
    func ordinary() throws {
        try withSession { pod, _, images, place in
            let state = pod.stateFile(ofSession: 1).string
            try Pipeline([Command("sh", ["-c", "zstd -dcq '\(state)' | tar -xC '\(place)'"])]).run()
            try Pipeline([Command("diff", ["-r", images.string, place.string])]).run()
        }
    }

    @Test("goes through filters in order, and back in the opposite one")
    func filters() throws {
        try withPod { pod in
            let folder = pod.device.root.removingLastComponent()
            try makeImages(at: folder.appending("images"))
            let manifest = try commit(pod, images: folder.appending("images"), filters: [.zstd, .zstd])
            #expect(manifest.filters == ["zstd", "zstd"])
            let place = folder.appending("restored")
            try Files.makeFolder(place, permissions: .init(rawValue: 0o755))
            try SessionStream.read(manifest, of: pod, into: place)
            try Pipeline([Command("diff", ["-r", "\(folder)/images", place.string])]).run()
        }
    }

    @Test("that is damaged leaves nothing to restore from, and says what is wrong")
    func damaged() throws {
        try withSession { pod, manifest, _, place in
            let file = pod.stateFile(ofSession: 1)
            let good = try Files.read(file, limit: 1 << 24)
            func expect(_ bytes: [UInt8]?, _ problem: String) throws {
                if let bytes { try Files.replace(file, with: bytes) } else { try Files.remove(file) }
                let expected = "session 1 of pod x: \(problem)"
                #expect(message { try SessionStream.read(manifest, of: pod, into: place) } == expected)
                #expect(message { try SessionStream.verify(manifest, of: pod) } == expected)
                #expect(try Files.list(place) == [])
            }
            try expect(Array(good.dropLast(1000)), "state is truncated: \(good.count - 1000) of \(good.count) bytes")
            try expect([], "state is truncated: 0 of \(good.count) bytes")
            try expect(good + [0], "state is damaged: it has \(good.count + 1) bytes, the manifest says \(good.count)")
            // Whether zstd trips over it or not.
            for place in [0, 5, 1000, good.count / 2, good.count - 1] {
                var flipped = good
                flipped[place] ^= 0x10
                try expect(flipped, "state is damaged: its SHA-256 is not the manifest's")
            }
            try expect(nil, "state is missing")
        }
    }

    @Test("that names a filter which is not there is refused")
    func unknownFilter() throws {
        try withSession { pod, manifest, _, place in
            var other = manifest
            other.filters = ["rot13"]
            #expect(
                message { try SessionStream.read(other, of: pod, into: place) }
                    == "session 1 of pod x: filter rot13: there is none of that name; there are: zstd")
        }
    }

    @Test("that was put through something else than the manifest says is refused, naming the filter")
    func wrongFilter() throws {
        try withPod { pod in
            let folder = pod.device.root.removingLastComponent()
            try makeImages(at: folder.appending("images"))
            var manifest = try commit(pod, images: folder.appending("images"), filters: [])
            manifest.filters = ["zstd"]
            try Files.makeFolder(folder.appending("place"), permissions: .init(rawValue: 0o755))
            #expect(
                message { try SessionStream.read(manifest, of: pod, into: folder.appending("place")) }
                    .hasPrefix("session 1 of pod x: filter zstd ended with exit code 1: "))
            #expect(try Files.list(folder.appending("place")) == [])
        }
    }

    @Test(
        "is not written through a filter that fails, and the old session stays",
        arguments: [
            ("echo 'out of luck' >&2; exit 7", "filter bad ended with exit code 7: out of luck"),
            ("head -c 100", "filter bad ended before it had read all its input"),
        ])
    func badFilter(script: String, problem: String) throws {
        try withSession { pod, old, images, _ throws in
            let bad = Filter(name: "bad", encode: ("sh", ["-c", script]), decode: ("cat", []))
            for filters in [[bad], [bad, .zstd], [.zstd, bad]] {
                #expect(
                    message { _ = try commit(pod, images: images, filters: filters) }
                        == "cannot write session 2 of pod x: \(problem)")
            }
            #expect(try pod.currentSession() == old)
            #expect(try Files.list(pod.folder.appending("sessions")) == ["1"])
        }
    }

    @Test("does not fit a full device, which says how much is lacking; the old session stays")
    func full() throws {
        try withFolder { folder in
            try makeImages(at: folder.appending("images"), bytes: 30_000_000)
            try withExt4(megabytes: 12) { mount in
                let device = try makeDevice(at: mount)
                let pod = try device.createPod(PodConfiguration(name: "x", base: someBase))
                let old = try pod.commitSession()
                let text = message { _ = try commit(pod, images: folder.appending("images")) }
                #expect(text.hasPrefix("cannot write session 2 of pod x: the device is full (needs up to 30 MB, "))
                #expect(text.hasSuffix(" MB free); free some space on \(mount)"))
                #expect(try pod.currentSession() == old)
                #expect(try Files.list(pod.folder.appending("sessions")) == ["1"])
                // The space is free again.
                try makeImages(at: folder.appending("small"))
                _ = try commit(pod, images: folder.appending("small"))
            }
        }
    }

    @Test("tells how far it is, never back and never beyond the whole")
    func progress() throws {
        try withPod { pod in
            let folder = pod.device.root.removingLastComponent()
            try makeImages(at: folder.appending("images"), bytes: 20_000_000)
            let slow = Filter(name: "slow", encode: ("sh", ["-c", "sleep 0.3; cat; sleep 0.3"]), decode: ("cat", []))
            var seen: [UInt64] = []
            let manifest = try commit(pod, images: folder.appending("images"), filters: [slow]) { done, total in
                #expect(done <= total)
                seen.append(done)
            }
            #expect(seen.count > 2 && seen == seen.sorted() && seen.last == manifest.imageBytes)
        }
    }
}
