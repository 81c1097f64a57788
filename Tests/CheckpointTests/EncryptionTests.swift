import Checkpoint
import DeviceStore
import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("An encrypted stream")
struct EncryptionTests {
    /// An identity in a file, and its recipient.
    private func makeIdentity(_ name: FilePath.Component, in folder: FilePath) throws -> (
        file: FilePath, recipient: String
    ) {
        let file = folder.appending(name)
        _ = try Pipeline.output(of: Command("age-keygen", ["-o", file.string]))
        let recipient = try Pipeline.output(of: Command("age-keygen", ["-y", file.string]))
        return (file, String(decoding: recipient.filter { $0 > 0x20 }, as: UTF8.self))
    }

    private func passphrase(_ text: String) -> Keys {
        Keys { _ in Secret(text.utf8) }
    }

    @Test("is opened by its recipient's identity and by no other")
    func recipient() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let mine = try makeIdentity("mine", in: place.folder)
            let other = try makeIdentity("other", in: place.folder)
            let manifest = try place.suspend(["zstd", "age:\(mine.recipient)"])
            // What the device says in the clear: neither to whom, nor what was in it.
            #expect(manifest.filters == ["zstd", "age"])
            let clear = try Files.text(place.pod.folder.appending("sessions/1/manifest.json"))
            #expect(!clear.contains(mine.recipient) && !clear.contains("mpg123"))

            let record = try place.unpack(manifest, keys: Keys(identity: try Identity(mine.file)))
            try place.expectSame()
            #expect(record?.filters == ["zstd", "age:\(mine.recipient)"])
            #expect(record?.session?.sound == StreamPlace.records)
            #expect(record?.session?.mappedFiles == ["/usr/bin/mpg123"])

            #expect(
                place.refusal(manifest, keys: Keys(identity: try Identity(other.file)))
                    == "session 1 of pod x: it was not encrypted for this identity; give another with --identity FILE")
            try place.expectNothing()
            #expect(
                place.refusal(manifest)
                    == "session 1 of pod x: it was encrypted for a recipient; give the identity with --identity FILE")
            #expect(
                place.refusal(manifest, keys: passphrase("secret"))
                    == "session 1 of pod x: it was encrypted for a recipient; give the identity with --identity FILE")
            // For several, each opens it.
            let shared = try place.suspend(["age:\(mine.recipient),\(other.recipient)", "zstd"])
            for file in [mine.file, other.file] {
                try place.unpack(shared, keys: Keys(identity: try Identity(file)))
                try place.expectSame()
            }
        }
    }

    @Test("is opened by its passphrase and by no other")
    func passphrases() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let manifest = try place.suspend(["zstd", "age"], keys: passphrase("correct horse"))
            try place.unpack(manifest, keys: passphrase("correct horse"))
            try place.expectSame()
            #expect(
                place.refusal(manifest, keys: passphrase("battery staple"))
                    == "session 1 of pod x: the passphrase is wrong")
            try place.expectNothing()
            #expect(
                place.refusal(manifest)
                    == "session 1 of pod x: filter age: there is no terminal to ask for the passphrase at; "
                    + "give it with --passphrase-file FILE")
            let mine = try makeIdentity("mine", in: place.folder)
            #expect(
                place.refusal(manifest, keys: Keys(identity: try Identity(mine.file)))
                    == "session 1 of pod x: it was encrypted with a passphrase; leave out --identity")
            // age's own command reads it; it has no other way to be told than a terminal.
            #expect(message { try place.suspend(["age"]) }.contains("give it with --passphrase-file FILE"))
        }
    }

    @Test("is opened by an identity that has a passphrase itself")
    func encryptedIdentity() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let mine = try makeIdentity("mine", in: place.folder)
            var lock = Command("age", ["-p", "-o", "\(place.folder)/locked", mine.file.string])
            lock.passphrase = Secret("open sesame".utf8)
            try Pipeline([lock]).run()
            let manifest = try place.suspend(["age:\(mine.recipient)"])
            let identity = try Identity(place.folder.appending("locked"))
            try place.unpack(manifest, keys: Keys(identity: identity) { _ in Secret("open sesame".utf8) })
            try place.expectSame()
            #expect(
                place.refusal(manifest, keys: Keys(identity: identity) { _ in Secret("open barley".utf8) })
                    .hasPrefix("session 1 of pod x: "))
            try place.expectNothing()
        }
    }

    @Test("is refused when who has no key altered it, even if the digests were made to fit")
    func authenticated() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let mine = try makeIdentity("mine", in: place.folder)
            let keys = Keys(identity: try Identity(mine.file))
            let manifest = try place.suspend(["age:\(mine.recipient)"])
            let later = try place.suspend(["age:\(mine.recipient)"])
            let file = place.pod.stateFile(ofSession: 1)
            let good = try Files.read(file, limit: 1 << 24)
            let chunk = 64 * 1024 + 16
            func expect(_ bytes: [UInt8], _ problem: String) throws {
                var forged = manifest
                forged.streamBytes = UInt64(bytes.count)
                forged.streamSHA256 = digest(bytes)
                try Files.replace(file, with: bytes)
                #expect(place.refusal(forged, keys: keys) == "session 1 of pod x: \(problem)")
                try place.expectNothing()
            }
            let altered = "what is encrypted has been altered or is cut short"
            var flipped = good
            flipped[good.count / 2] ^= 1
            try expect(flipped, altered)
            try expect(Array(good.dropLast(100)), altered)
            // At the border of what age encrypts at once.
            let header = (good.count - 16) % chunk
            try expect(Array(good.prefix(good.count - header)), altered)
            var swapped = good
            let first = good.count - 4 * chunk
            swapped.replaceSubrange(first..<first + chunk, with: good[first + chunk..<first + 2 * chunk])
            swapped.replaceSubrange(first + chunk..<first + 2 * chunk, with: good[first..<first + chunk])
            try expect(swapped, altered)
            // A whole other session of the same owner.
            try expect(
                try Files.read(place.pod.stateFile(ofSession: 2), limit: 1 << 24),
                "manifest.json and state are not of the same session")
            // The manifest, which is not encrypted, in every field that is said inside as well.
            try Files.replace(file, with: good)
            var forged: [SessionManifest] = []
            for change in [
                { $0.base = String(repeating: "cd", count: 32) }, { $0.id = later.id }, { $0.requires = [1] },
                { $0.kernel = "6.1" }, { $0.number = 2 },
            ] as [(inout SessionManifest) -> Void] {
                var other = manifest
                change(&other)
                forged.append(other)
            }
            for other in forged { #expect(place.refusal(other, keys: keys) != "") }
            try place.unpack(manifest, keys: keys)
            try place.expectSame()
        }
    }

    @Test("says what age says of a recipient that is none")
    func malformed() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            let text = message { try place.suspend(["zstd", "age:age1nonsense"]) }
            #expect(text.hasPrefix("cannot write session 1 of pod x: filter age ended with exit code 1: "), "\(text)")
            #expect(text.contains("age1nonsense") && !text.contains("filippo.io"), "\(text)")
        }
    }

    @Test("has nothing secret on a command line, in an environment or in a file")
    func secrets() throws {
        try StreamPlace.with { place in
            try place.makeImages()
            // What a program that is told a passphrase can see of itself.
            var spy = Command(
                "sh",
                [
                    "-c",
                    """
                    tr '\\0' '\\n' < /proc/$$/cmdline > "$0/seen"; tr '\\0' '\\n' < /proc/$$/environ >> "$0/seen"
                    ls -l /proc/$$/fd >> "$0/seen"
                    read -r once < /dev/tty; read -r twice < /dev/tty
                    if read -r third < /dev/tty; then echo more; else echo "$once $twice"; fi
                    """, place.folder.string,
                ])
            spy.passphrase = Secret("correct horse".utf8)
            #expect(String(decoding: try Pipeline.output(of: spy), as: UTF8.self) == "correct horse correct horse\n")
            #expect(!(try Files.text(place.folder.appending("seen"))).contains("horse"))
            #expect("\(spy)".contains("horse") == false)
            #expect(Secret("with\u{3}control".utf8) == nil && Secret("".utf8) == nil)
        }
    }
}
