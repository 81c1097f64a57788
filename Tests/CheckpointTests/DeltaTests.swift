import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("A session that hardly differs from a full one")
struct DeltaTests {
    private static let page = 4096

    /// A full session of some 8 MB, unpacked: its `blocks` are there.
    private func withFull(
        _ filters: [String] = ["zstd"], keys: Keys = Keys(), _ body: (StreamPlace, SessionManifest) throws -> Void
    ) throws {
        try StreamPlace.with { place in
            try place.makeImages(bytes: 8_000_000)
            let full = try place.suspend(filters, keys: keys)
            try place.unpack(full, keys: keys)
            try place.expectSame()
            try body(place, full)
        }
    }

    private func change(_ place: StreamPlace, _ name: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try Files.read(place.images.appending(name), limit: 1 << 26)
        body(&bytes)
        try place.write(name, bytes)
    }

    @Test("is written as what differs, and comes back whole")
    func idle() throws {
        try withFull { place, full in
            try change(place, "pages-1.img") { $0[5 * Self.page + 17] ^= 1 }
            try change(place, "core-1.img") { $0[100] ^= 1 }
            let delta = try place.suspend(against: full)
            #expect(delta.requires == [1])
            #expect(delta.imageBytes == full.imageBytes)
            #expect(delta.streamBytes * 50 < full.streamBytes, "\(delta.streamBytes) of \(full.streamBytes)")
            // What it needs stays, though only one session is to be kept.
            try place.tidy()
            #expect(try place.pod.sessions() == [1, 2])
            try place.unpack(delta)
            try place.expectSame()
            try StreamReader.verify(delta, of: place.pod)
            try place.reader(delta).verifyContents()
        }
    }

    @Test("finds blocks that have moved, within an image and to another, and costs nothing for zeros")
    func moved() throws {
        try withFull { place, full in
            let pages = try Files.read(place.images.appending("pages-1.img"), limit: 1 << 26)
            let zeros = [UInt8](repeating: 0, count: 100 * Self.page)
            func pages_(_ range: Range<Int>) -> [UInt8] {
                Array(pages[range.lowerBound * Self.page..<range.upperBound * Self.page])
            }
            let new = sampleBytes(2 * Self.page, seed: 999)
            // One page inserted, all after it moved; one twice in a row; another order.
            try place.write(
                "pages-1.img",
                pages_(0..<10) + new.prefix(Self.page) + pages_(10..<500) + pages_(7..<8) + pages_(7..<8)
                    + pages_(7..<9)
                    + zeros + pages_(600..<700) + pages_(500..<600))
            try place.write("pages-7.img", pages_(700..<900) + new.suffix(Self.page) + zeros)
            try place.write("pages-2.img", [])
            // The short last block of an image at the end of another of the same length and of another length.
            try place.shell(
                "cp \"$2/core-1.img\" \"$2/other.img\"; (cat \"$2/core-2.img\"; printf x) > \"$2/longer.img\"")
            try place.shell("rm \"$2/core-3.img\"")
            let delta = try place.suspend(against: full)
            #expect(delta.requires == [1])
            try place.unpack(delta)
            try place.expectSame()
            let members = try place.reader(delta).list().members
            let moved = members.first { $0.name == "delta/pages-1.img" }
            #expect(moved?.newBlocks == 1 && moved?.zeroBlocks == 100)
            #expect(members.first { $0.name == "delta/pages-7.img" }?.newBlocks == 1)
            #expect(members.first { $0.name == "delta/other.img" }?.newBlocks == 0)
            #expect(delta.streamBytes < 30_000, "\(delta.streamBytes)")
            try place.reader(delta).verifyContents()
        }
    }

    @Test("goes on from the same full session, so that the twentieth reads two streams, too")
    func twenty() throws {
        try withFull { place, full in
            for turn in 1..<20 {
                try change(place, "pages-1.img") { $0[turn * 20 * Self.page] ^= 1 }
                let delta = try place.suspend(against: full)
                #expect(delta.requires == [1] && delta.number == turn + 1)
                try place.unpack(delta)
                try place.expectSame()
                try place.tidy()
                #expect(try place.pod.sessions() == [1, turn + 1])
                #expect(delta.streamBytes * 20 < full.streamBytes)
            }
        }
    }

    @Test("is a full one when a fourth of it is new")
    func large() throws {
        try withFull { place, full in
            try change(place, "pages-1.img") { bytes in
                bytes.replaceSubrange(0..<1_900_000, with: sampleBytes(1_900_000, seed: 5))
            }
            let delta = try place.suspend(against: full)
            #expect(delta.requires == [1])
            try change(place, "pages-1.img") { bytes in
                bytes.replaceSubrange(0..<2_100_000, with: sampleBytes(2_100_000, seed: 6))
            }
            let other = try place.suspend(against: full)
            #expect(other.requires == [])
            try place.tidy()
            #expect(try place.pod.sessions() == [other.number])
            try place.unpack(other)
            try place.expectSame()
        }
    }

    @Test("is refused without the session that it needs, or with another in its place, naming it")
    func requirement() throws {
        try withFull { place, full in
            let delta = try place.suspend(against: full)
            let state = place.pod.stateFile(ofSession: 1)
            let good = try Files.read(state, limit: 1 << 26)
            var flipped = good
            flipped[good.count / 3] ^= 4
            try Files.replace(state, with: flipped)
            #expect(
                place.refusal(delta)
                    == "session 2 of pod x: session 1, whose blocks it needs: state is damaged: its digest is not the "
                    + "manifest's")
            try place.expectNothing()
            try Files.remove(state)
            #expect(place.refusal(delta) == "session 2 of pod x: session 1, whose blocks it needs: state is missing")
            try place.expectNothing()
            try Files.replace(state, with: good)
            try place.shell("mv \"$1\"/device/pods/x/sessions/1 \"$1/away\"")
            #expect(place.refusal(delta) == "session 2 of pod x: session 1 of pod x: its folder is missing")
            // Another full session that has come to have the number.
            try place.suspend()
            try place.shell(
                """
                cd "$1/device/pods/x/sessions"; mv 3 1; echo 2 > ../current
                """)
            let text = place.refusal(delta)
            #expect(text == "session 2 of pod x: session 1 of pod x: manifest.json is that of session 3", "\(text)")
            var forged = delta
            forged.requires = [2]
            #expect(place.refusal(forged) == "session 2 of pod x: manifest.json requires what no session can")
            forged.requires = [1, 1]
            #expect(place.refusal(forged) == "session 2 of pod x: manifest.json requires what no session can")
        }
    }

    @Test("is refused with a full session that was made anew")
    func otherFull() throws {
        try withFull { place, full in
            let delta = try place.suspend(against: full)
            try place.shell("cp -a \"$1\"/device/pods/x \"$1/kept\"; rm -r \"$1\"/device/pods/x/sessions/*")
            try place.shell("rm \"$1/device/pods/x/current\"")
            let other = try place.suspend()
            #expect(other.number == 1)
            try place.shell("cp -a \"$1\"/kept/sessions/2 \"$1\"/device/pods/x/sessions/2")
            #expect(place.refusal(delta) == "session 2 of pod x: session 1 is not the one that it was made of")
            try place.expectNothing()
        }
    }

    @Test("reveals nothing of a session that was encrypted, and is encrypted like it")
    func encrypted() throws {
        let keys = Keys { _ in Secret("correct horse".utf8) }
        try withFull(["zstd", "age"], keys: keys) { place, full in
            try change(place, "pages-1.img") { $0[5 * Self.page + 17] ^= 1 }
            let delta = try place.suspend(["zstd", "age"], keys: keys, against: full)
            #expect(delta.requires == [1])
            try place.unpack(delta, keys: keys)
            try place.expectSame()
            // With another passphrase all of it is written: a resume is to ask for one, not for two.
            let others = Keys { _ in Secret("battery staple".utf8) }
            let other = try place.suspend(["zstd", "age"], keys: others, against: full)
            #expect(other.requires == [])
            try place.unpack(other, keys: others)
            try place.expectSame()
        }
    }
}
