import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

/// Whoever can write to a device can write any archive, with a digest that fits.
@Suite("An archive that no suspend wrote")
struct HostileStreamTests {
    /// Puts what `script` leaves in the folder `tree` (at first the session's own members, in the folder `$1`) into the
    /// session's place, made by GNU tar with `options`, and gives what resuming it says.
    private func refusal(
        _ place: StreamPlace, _ manifest: SessionManifest, _ script: String,
        members: String = "session.json blocks images",
        options: String = ""
    ) throws -> String {
        try place.shell(
            """
            cd "$1"; rm -rf tree; mkdir tree
            zstd -dcq kept | tar -x -C tree; cd tree
            \(script)
            tar -cf ../forged --format=gnu --no-recursion \(options) $(for each in \(members); do
                if [ -d "$each" ] && [ ! -h "$each" ]; then find "$each" ! -type d | sort; else echo "$each"; fi; done)
            """)
        return try refusal(place, manifest, archive: Files.read(place.folder.appending("forged"), limit: 1 << 28))
    }

    private func refusal(_ place: StreamPlace, _ manifest: SessionManifest, archive: [UInt8]) throws -> String {
        let file = place.pod.stateFile(ofSession: manifest.number)
        try Files.write(file, archive, permissions: .ownerReadWrite)
        var forged = manifest
        forged.filters = []
        forged.streamBytes = UInt64(archive.count)
        forged.streamSHA256 = digest(archive)
        let text = place.refusal(forged)
        if text != "" { try place.expectNothing() }
        // What looks into it finds the same, or something, and never falls over.
        let looked = message { try place.reader(forged).verifyContents() }
        #expect((looked == "") == (text == ""), "\(text) – \(looked)")
        _ = message { _ = try place.reader(forged).list() }
        return text
    }

    /// The session was written without filters, so that its manifest can be told any archive.
    private func withSession(_ body: (StreamPlace, SessionManifest) throws -> Void) throws {
        try StreamPlace.with { place in
            try place.makeImages(bytes: 200_000)
            let manifest = try place.suspend([])
            try place.shell("zstd -qfc \"$1\"/device/pods/x/sessions/1/state > \"$1/kept\"")
            try body(place, manifest)
        }
    }

    @Test("is refused, whatever it tries, and nothing is left of it")
    func archives() throws {
        try withSession { place, manifest in
            #expect(try refusal(place, manifest, ":") == "")
            for (script, members, options, problem) in [
                ("mv session.json x", "x blocks images", "", "its member x is none that a session has"),
                (":", "blocks session.json images", "", "its archive does not begin with session.json"),
                (":", "images blocks", "", "its archive does not begin with session.json"),
                (
                    ":", "session.json session.json images", "--hard-dereference",
                    "its archive does not begin with session.json"
                ),
                (":", "session.json images blocks", "", "its member blocks is not where it belongs"),
                (
                    ":", "session.json blocks images images/core-1.img", "--hard-dereference",
                    "its member images/core-1.img is not where it belongs"
                ),
                (":", "session.json blocks", "", "its member blocks is not of its images"),
                ("rm images/core-2.img", "session.json blocks images", "", "its member blocks is not of its images"),
                (
                    "echo x >> images/core-2.img", "session.json blocks images", "",
                    "its member blocks is not of its images"
                ),
                (":", "session.json images", "", ""),
                ("truncate -s -1 blocks", "session.json blocks images", "", "its member blocks is damaged"),
                ("truncate -s 100000 session.json", "session.json images", "", "its session.json is not JSON"),
                ("echo '{' > session.json", "session.json images", "", "its session.json is not JSON"),
                ("truncate -s 17M session.json", "session.json images", "", "its session.json is too long"),
                (
                    "sed -i 's/\"format_version\" : 3,/\"format_version\" : 4,/' session.json", "session.json images",
                    "",
                    "its stream has format 4, this program reads up to 3; use a newer mediapod"
                ),
                (
                    "ln -s /etc/passwd images/link.img", "session.json images", "",
                    "its member images/link.img is no ordinary file"
                ),
                (
                    "ln images/core-1.img images/hard.img", "session.json images", "",
                    "its member images/hard.img is no ordinary file"
                ),
                ("mkfifo images/fifo", "session.json images", "", "its member images/fifo is no ordinary file"),
                (
                    "mknod images/null c 1 3", "session.json images", "", "its member images/null is no ordinary file"
                ),
                ("mkdir images/d; : > images/d/x", "session.json images", "", "\"d/x\" is no image's name"),
                (": > images/.hidden", "session.json images", "", "\".hidden\" is no image's name"),
                (
                    ":", "session.json images/core-1.img", "--transform 's,core-1,../../core,'",
                    "\"../../core.img\" is no image's name"
                ),
                (
                    ":", "session.json images/core-1.img", "-P --transform 's,^images,/tmp,'",
                    "its member /tmp/core-1.img is none that a session has"
                ),
                (
                    "mv images/core-1.img images/$(printf 'x%.0s' $(seq 150))", "session.json images", "",
                    "its member ././@LongLink is no ordinary file"
                ),
                (
                    "mkdir delta; head -c 4096 blocks > delta/a.img", "session.json delta", "",
                    "it is a full session, and has the member delta/a.img"
                ),
            ] {
                let text = try refusal(place, manifest, script, members: members, options: options)
                // Without its blocks, an archive is a session all the same: that of the next suspend is a full one then.
                #expect(text == (problem == "" ? "" : "session 1 of pod x: \(problem)"), "\(script) \(members)")
            }
            #expect(try Files.kind(of: "/tmp/core-1.img") == nil)
        }
    }

    @Test("is refused when it is cut short, goes on, or is something else")
    func bytes() throws {
        try withSession { place, manifest in
            let good = try Files.read(place.pod.stateFile(ofSession: 1), limit: 1 << 24)
            let short = "session 1 of pod x: the archive that came through its filters is cut short"
            for count in [0, 1, 511, 512, 513, 100_000, good.count - 1024, good.count - 1025] {
                #expect(try refusal(place, manifest, archive: Array(good.prefix(count))) == short, "\(count)")
            }
            // One unit of zeros is an end to us, as it is to tar.
            #expect(try refusal(place, manifest, archive: good.dropLast(512)) == "")
            #expect(try refusal(place, manifest, archive: good + [UInt8](repeating: 0, count: 10240)) == "")
            #expect(
                try refusal(place, manifest, archive: good + [1]) == "session 1 of pod x: something follows its archive"
            )
            let noArchive = "session 1 of pod x: what came through its filters is no archive"
            #expect(try refusal(place, manifest, archive: sampleBytes(100_000)) == noArchive)
            #expect(try refusal(place, manifest, archive: [UInt8](repeating: 0xff, count: 100_000)) == noArchive)
            // A header that says more than there is, in octal and in binary.
            for size in [Array("77777777777".utf8), [0x80, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
                let text = try refusal(place, manifest, archive: withSize(size, in: good))
                #expect(text == "session 1 of pod x: its session.json is too long")
            }
            for size in [
                [0x80, 0, 0, 0, 0x40] + [UInt8](repeating: 0, count: 7), [UInt8](repeating: 0xff, count: 12),
                Array("hello".utf8),
            ] {
                #expect(try refusal(place, manifest, archive: withSize(size, in: good)) == noArchive)
            }
        }
    }

    /// The first header, with another size and a checksum that fits.
    private func withSize(_ size: [UInt8], in archive: [UInt8]) -> [UInt8] {
        var bytes = archive
        bytes.replaceSubrange(124..<136, with: [UInt8](repeating: 0, count: 12))
        bytes.replaceSubrange(124..<124 + size.count, with: size)
        bytes.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        let sum = bytes[..<512].reduce(0) { $0 + Int($1) }
        let text = String(sum, radix: 8)
        bytes.replaceSubrange(
            148..<155, with: Array((String(repeating: "0", count: 6 - text.count) + text + "\0").utf8))
        return bytes
    }

    @Test("that is a delta is refused when its runs are not what they should be")
    func deltas() throws {
        try StreamPlace.with { place in
            try place.makeImages(bytes: 200_000)
            let full = try place.suspend([])
            try place.unpack(full)
            let delta = try place.suspend([], against: full)
            #expect(delta.requires == [1])
            try place.shell("zstd -qfc \"$1\"/device/pods/x/sessions/2/state > \"$1/kept\"")
            #expect(try refusal(place, delta, ":", members: "session.json delta images") == "")
            // The image of 48 pages: its size, one run of the full session's.
            let pages = try Files.read(place.folder.appending("tree/delta/pages-1.img"), limit: 1 << 20)
            #expect(pages.count == 32)
            let first = UInt64(pages[24]) | UInt64(pages[25]) << 8
            func head(_ size: UInt64, _ runs: [(UInt32, UInt32, UInt64)], count: UInt32? = nil) -> [UInt8] {
                func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
                    withUnsafeBytes(of: value.littleEndian) { Array($0) }
                }
                return bytes(size) + bytes(count ?? UInt32(runs.count)) + bytes(UInt32(0))
                    + runs.flatMap { bytes($0.0) + bytes($0.1) + bytes($0.2) }
            }
            let size: UInt64 = 48 * 4096
            #expect(head(size, [(2, 48, first)]) == pages)
            let damaged = "its member delta/pages-1.img is damaged"
            let missing = "session 1, whose blocks it needs: it does not have the blocks that are needed of it"
            for (bytes, problem) in [
                (head(size, [(2, 48, first)]), ""),
                (head(size, [(2, 24, first), (2, 24, first + 24)]), ""),
                (head(size, [(2, 47, first), (0, 1, 0)]), ""),
                (head(size, [(2, 47, first)]), "its member of an image's delta is damaged"),
                (head(size, [(2, 49, first)]), "its member of an image's delta is damaged"),
                (head(size, [(2, 48, first), (2, 0, first)]), "its member of an image's delta is damaged"),
                (head(size, [(3, 48, first)]), "its member of an image's delta is damaged"),
                (head(.max, [(0, .max, 0)]), "its member of an image's delta is damaged"),
                (head(size, [(2, 48, first)], count: 2), damaged),
                (head(size, [(2, 48, first)], count: .max), damaged),
                (head(size, [(1, 48, 0)]), damaged),
                (head(size, [(2, 48, first)]) + [0], damaged),
                (head(size, [(2, 48, first + 1)]), missing),
                (head(size, [(2, 48, first - 1)]), missing),
                (head(size, [(2, 48, 1 << 47)]), missing),
                (head(size, [(2, 48, 0)]), missing),
                (head(size, [(2, 48, 1 << 48)]), "its member of an image's delta is damaged"),
                (Array(pages.prefix(31)), damaged),
                (Array(pages.prefix(15)), "its member delta/pages-1.img is cut short"),
                ([], "its member delta/pages-1.img is cut short"),
            ] as [([UInt8], String)] {
                try Files.write(place.folder.appending("head"), bytes, permissions: .ownerReadWrite)
                let text = try refusal(
                    place, delta, "cp ../head delta/pages-1.img", members: "session.json delta images")
                #expect(text == (problem == "" ? "" : "session 2 of pod x: \(problem)"), "\(bytes)")
            }
            #expect(
                try refusal(place, delta, "cp session.json blocks", members: "session.json blocks delta")
                    == "session 2 of pod x: it is no full session, and has the member blocks")
            #expect(
                try refusal(place, delta, "rm delta/core-1.img", members: "session.json delta images").contains(
                    "its images have "))
            #expect(
                try refusal(
                    place, delta, "cp delta/core-1.img images/", members: "session.json delta images")
                    == "session 2 of pod x: it has the image core-1.img twice")
        }
    }

    @Test("of the first format is refused like one of today's when its names climb out")
    func upgraded() throws {
        try StreamPlace.with { place in
            try place.makeImages(bytes: 200_000)
            let manifest = try place.suspend([])
            let file = place.pod.folder.appending("sessions/1/manifest.json")
            func old(_ script: String) throws -> String {
                try place.shell("cd \"$1\"; rm -rf old; cp -r \"$2\" old; cd old; echo '{}' > sound.json; \(script)")
                let archive = try Files.read(place.folder.appending("forged"), limit: 1 << 28)
                try Files.write(place.pod.stateFile(ofSession: 1), archive, permissions: .ownerReadWrite)
                // As the first version wrote them: without a checksum, or what was not there yet.
                var text = String(decoding: try JSONText.encode(manifest), as: UTF8.self)
                text = text.replacing("\"format_version\" : 3", with: "\"format_version\" : 1")
                text = text.replacing(manifest.streamSHA256, with: digest(archive, format: 1))
                text = text.replacing(
                    "\"stream_bytes\" : \(manifest.streamBytes)", with: "\"stream_bytes\" : \(archive.count)")
                try Files.write(file, Array(text.utf8), permissions: .ownerReadWrite)
                let found = try #require(try place.pod.currentSession())
                let said = place.refusal(found)
                if said == "" { try place.expectSame() } else { try place.expectNothing() }
                return said
            }
            #expect(try old("tar -cf ../forged .") == "")
            #expect(
                try old("tar -cf ../forged --transform 's,./core-1,../core,' .")
                    == "session 1 of pod x: filter upgrade-1 ended with exit code 1: mediapod: \"../core.img\" is no image's name"
            )
            #expect(
                try old("ln -s /etc/passwd link; tar -cf ../forged .").hasSuffix(
                    "its member ./link is no ordinary file"))
            #expect(try old("tar -cf - . | head -c 100000 > ../forged").hasSuffix("is cut short"))
            #expect(try old(": > ../forged").hasSuffix("is cut short"))
            // Nor does one of today's pass for one of the first.
            try place.shell("rm \"$1\"/device/pods/x/current; rm -r \"$1\"/device/pods/x/sessions/*")
            var today = try place.suspend([])
            #expect(place.refusal(today) == "")
            today.requires = [7]
            #expect(place.refusal(today) == "session 1 of pod x: manifest.json requires what no session can")
        }
    }
}
