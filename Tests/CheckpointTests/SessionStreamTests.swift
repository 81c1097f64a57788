import Checkpoint
import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import SystemPackage
import Testing

@Suite("A session's stream")
struct SessionStreamTests {
    private func withSession(_ body: (StreamPlace, SessionManifest) throws -> Void) throws {
        try StreamPlace.with { place in
            try place.makeImages()
            try body(place, try place.suspend())
        }
    }

    @Test("comes back as it was, with its records")
    func roundTrip() throws {
        try withSession { place, manifest in
            #expect(manifest.imageBytes > 2_000_000 && manifest.streamBytes < manifest.imageBytes)
            #expect(manifest.requires == [])
            #expect(try Files.size(of: place.pod.stateFile(ofSession: 1)) == manifest.streamBytes)
            #expect(try place.pod.currentSession() == manifest)
            let record = try place.unpack(manifest)
            try place.expectSame()
            #expect(record?.session?.sound == StreamPlace.records)
            #expect(record?.filters == ["zstd"])
            try StreamReader.verify(manifest, of: place.pod)
            try place.reader(manifest).verifyContents()
        }
    }

    /// Longer than what is on its way at once: given to a pipe as it lies in memory, written past the kernel's; also where
    /// the device's file system has only the kernel's (ramfs knows no O_DIRECT).
    @Test("of many megabytes comes back as it was", arguments: [[], ["zstd"]], [false, true])
    func large(_ filters: [String], isInMemoryOnly: Bool) throws {
        try StreamPlace.with { place in
            let sessions = place.pod.folder.appending("sessions").string
            if isInMemoryOnly {
                try place.shell("mkdir -p \"$1/device/pods/x/sessions\"")
                try #require(mount("test", sessions, "ramfs", 0, nil) == 0)
            }
            defer { if isInMemoryOnly { umount2(sessions, Int32(MNT_DETACH)) } }
            try place.makeImages(bytes: 30_000_000)
            let manifest = try place.suspend(filters)
            let state = place.pod.stateFile(ofSession: 1)
            // As docs/stream.md has it.
            let parts = "split -b 4M --filter='sha256sum | cut -c-64' \"$1\""
            let script = "\(parts) | perl -ne 'print pack q(H64), $_' | sha256sum"
            let sum = try Pipeline.output(of: Command("sh", ["-c", script, "sh", state.string]))
            #expect(String(decoding: sum.prefix(64), as: UTF8.self) == manifest.streamSHA256)
            try place.unpack(manifest)
            try place.expectSame()
        }
    }

    @Test("is an ordinary tar in an ordinary zstd file, with the images as CRIU wrote them")
    func ordinary() throws {
        try withSession { place, _ in
            try Files.makeFolder(place.unpacked, permissions: .init(rawValue: 0o755))
            try place.shell("zstd -dcq \"$1\"/device/pods/x/sessions/1/state | tar -xC \"$1/unpacked\"")
            #expect(try Files.list(place.unpacked) == ["blocks", "images", "session.json"])
            try place.shell("diff -r \"$1/images\" \"$1/unpacked/images\"")
        }
    }

    @Test("is read when another program made its tar")
    func foreignTar() throws {
        try withSession { place, manifest in
            try Files.makeFolder(place.unpacked, permissions: .init(rawValue: 0o755))
            // GNU tar's own headers and padding instead of ours, the same members in the same order.
            try place.shell(
                """
                cd "$1"; zstd -dcq device/pods/x/sessions/1/state > state.tar; tar -xf state.tar -C unpacked
                tar -tf state.tar > names; tar -cf again.tar -C unpacked -T names; zstd -qfc again.tar > again
                """)
            var other = manifest
            let bytes = try Files.read(place.folder.appending("again"), limit: 1 << 24)
            other.streamBytes = UInt64(bytes.count)
            other.streamSHA256 = digest(bytes)
            try Files.replace(place.pod.stateFile(ofSession: 1), with: bytes)
            try place.unpack(other)
            try place.expectSame()
        }
    }

    @Test("that is damaged leaves nothing to restore from, and says what is wrong")
    func damaged() throws {
        try withSession { place, manifest in
            let file = place.pod.stateFile(ofSession: 1)
            let good = try Files.read(file, limit: 1 << 24)
            func expect(_ bytes: [UInt8]?, _ problem: String) throws {
                if let bytes { try Files.replace(file, with: bytes) } else { try Files.remove(file) }
                let expected = "session 1 of pod x: \(problem)"
                #expect(place.refusal(manifest) == expected)
                try place.expectNothing()
                #expect(message { try StreamReader.verify(manifest, of: place.pod) } == expected)
                #expect(message { try place.reader(manifest).verifyContents() } == expected)
            }
            try expect(Array(good.dropLast(1000)), "state is truncated: \(good.count - 1000) of \(good.count) bytes")
            try expect([], "state is truncated: 0 of \(good.count) bytes")
            try expect(good + [0], "state is damaged: it has \(good.count + 1) bytes, the manifest says \(good.count)")
            // Whether zstd trips over it or not.
            for place in [0, 5, 1000, good.count / 2, good.count - 1] {
                var flipped = good
                flipped[place] ^= 0x10
                try expect(flipped, "state is damaged: its digest is not the manifest's")
            }
            var swapped = good
            swapped.replaceSubrange(4096..<8192, with: good[8192..<12288])
            swapped.replaceSubrange(8192..<12288, with: good[4096..<8192])
            try expect(swapped, "state is damaged: its digest is not the manifest's")
            try expect(nil, "state is missing")
        }
    }

    @Test("whose manifest has one bit wrong is refused, naming it")
    func damagedManifest() throws {
        try withSession { place, _ in
            let file = place.pod.folder.appending("sessions/1/manifest.json")
            let good = try Files.read(file, limit: 1 << 20)
            for place_ in stride(from: 0, to: good.count, by: 7) {
                for bit in [0, 4] {
                    var flipped = good
                    flipped[place_] ^= 1 << UInt8(bit)
                    try Files.replace(file, with: flipped)
                    let text = message { _ = try place.pod.currentSession() }
                    #expect(text.hasPrefix("session 1 of pod x: manifest.json "), "byte \(place_): \(text)")
                }
            }
        }
    }

    @Test("is refused beside the manifest of another")
    func swapped() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let first = try place.suspend()
            let second = try place.suspend()
            // Even if the digests were made to fit.
            var forged = first
            forged.streamBytes = second.streamBytes
            forged.streamSHA256 = second.streamSHA256
            try place.shell("cp \"$1\"/device/pods/x/sessions/2/state \"$1\"/device/pods/x/sessions/1/state")
            #expect(
                place.refusal(forged) == "session 1 of pod x: manifest.json and state are not of the same session")
            try place.expectNothing()
            #expect(
                place.refusal(first).hasPrefix("session 1 of pod x: state is "))
        }
    }

    @Test("tells how far it is, never back and never beyond the whole")
    func progress() throws {
        try StreamPlace.with { place in
            try place.makeImages(bytes: 20_000_000)
            try place.define("slow", encode: ["sh", "-c", "sleep 0.3; cat; sleep 0.3"], decode: ["cat"])
            var seen: [UInt64] = []
            try place.suspend(["slow"]) { done, total in
                #expect(done <= total)
                seen.append(done)
                if seen.count > 1 { #expect(done >= seen[seen.count - 2]) }
            }
            #expect(seen.count > 2 && seen[seen.count - 1] > 20_000_000)
        }
    }

    @Test("does not fit a full device, which says how much is lacking; the old session stays")
    func full() throws {
        try withFolder { folder in
            try withExt4(megabytes: 12) { mount in
                let device = try makeDevice(at: mount.appending("device"))
                let pod = try device.createPod(PodConfiguration(name: "x", base: someBase))
                let old = try pod.commitSession()
                let place = try StreamPlace(pod, images: folder.appending("images"))
                try place.makeImages(bytes: 30_000_000)
                let text = message { try place.suspend() }
                #expect(text.hasPrefix("cannot write session 2 of pod x: the device is full (needs up to 30 MB, "))
                #expect(text.hasSuffix(" MB free); free some space on \(device.root)"))
                #expect(try pod.currentSession() == old)
                #expect(try Files.list(pod.folder.appending("sessions")) == ["1"])
                // The space is free again.
                try place.shell("rm \"$2\"/*")
                try place.makeImages()
                try place.suspend()
            }
        }
    }

    @Test("can be looked into")
    func listing() throws {
        try withSession { place, manifest in
            let contents = try place.reader(manifest).list()
            #expect(
                contents.members.map(\.name) == [
                    "blocks", "images/core-1.img", "images/core-2.img", "images/core-3.img", "images/core-4.img",
                    "images/core-5.img", "images/empty.img", "images/pages-1.img", "images/pages-2.img",
                ])
            #expect(contents.members.compactMap(\.imageBytes).reduce(0, +) == manifest.imageBytes)
            #expect(contents.record.session?.sound == StreamPlace.records)
        }
    }
}

/// Of a `state`, 64 hexadecimal digits.
func digest(_ bytes: [UInt8], format: Int = 3) -> String {
    var whole = StreamDigest()
    guard format >= 3 else {
        bytes.withUnsafeBytes { whole.update($0) }
        return whole.hexadecimal
    }
    for start in stride(from: 0, to: bytes.count, by: 4 << 20) {
        var part = StreamDigest()
        bytes[start..<min(start + (4 << 20), bytes.count)].withUnsafeBytes { part.update($0) }
        part.bytes.withUnsafeBytes { whole.update($0) }
    }
    return whole.hexadecimal
}
