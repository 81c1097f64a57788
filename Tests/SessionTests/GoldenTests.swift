import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct GoldenTests {
        /// One for each version of the stream's format that was ever released; made by testdata/streams/make.sh.
        static let names = ["v1", "v2", "v3"]

        @Test(arguments: names) func aStreamOfEveryReleasedFormatIsReadToItsEnd(name: String) throws {
            let golden = try Golden(name)
            let verified = try golden.host.must(["verify", "--contents"])
            #expect(verified.contains("session 1 of pod golden  ok"))
            let shown = try golden.host.must(["inspect", Golden.pod, "--stream", "--session", "1"])
            #expect(shown.contains("images/pages-1.img"))
            let format = shown.split(separator: "\n").first { $0.hasPrefix("format") }
            #expect(format?.last == name.last)
        }

        @Test(arguments: names) func aSessionOfEveryReleasedFormatStillResumes(name: String) throws {
            let golden = try Golden(name)
            let before = try golden.suspendedCount()
            try golden.host.must(["resume", Golden.pod, "--detach", "--sound", "null"])
            let after = try golden.count()
            #expect(after.nonce == before.nonce, "the same program, not another")
            #expect(after.value >= before.value)
            // It checks all its memory each time it counts.
            try waitUntil("it counts") { try golden.count().value > after.value }
            try golden.host.must(["suspend", Golden.pod])
            try golden.host.must(["resume", Golden.pod, "--detach", "--sound", "null"])
            #expect(try golden.count().nonce == before.nonce)
        }
    }
}

/// A golden device, unpacked, and a host.
final class Golden {
    static let pod = "golden"
    let folder: LabFolder
    let host: TestHost
    var device: FilePath { folder.appending("device") }

    init(_ name: String) throws {
        folder = try LabFolder("mediapod-golden")
        host = TestHost(runtime: folder.appending("host"), device: folder.appending("device"))
        let archive = LabBroker.repository.appending("testdata/streams/\(name).tar")
        _ = try Pipeline.output(
            of: Command(
                "tar",
                [
                    "--extract", "--file=\(archive.string)", "--directory=\(folder.path.string)", "--numeric-owner",
                    "--preserve-permissions", "--same-owner", "--xattrs", "--xattrs-include=*",
                ]))
    }

    deinit { _ = try? host.run(["stop", "--time", "0", Self.pod]) }

    /// What the pod's program says now.
    func count() throws -> TestHost.Count {
        try Self.count(in: try host.must(["exec", Self.pod, "--", "counter", "show", "/root/count"]))
    }

    /// What it had said when it was suspended.
    func suspendedCount() throws -> TestHost.Count {
        let layers = device.appending("pods").appending(Self.pod).appending("layers")
        let files = try Files.list(layers).compactMap(Int.init).sorted().map {
            layers.appending("\($0)").pushing("upper/root/count")
        }
        guard let file = files.last(where: { Files.isRegularFile($0) }) else {
            throw Failure("the count", "is not there")
        }
        return try Self.count(in: try Files.text(file))
    }

    private static func count(in text: String) throws -> TestHost.Count {
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 2, let value = Int(words[1]) else { throw Failure("the count", "is no count: \(text)") }
        return TestHost.Count(nonce: words[0], value: value)
    }
}
