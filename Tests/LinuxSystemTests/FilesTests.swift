import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("Files")
struct FilesTests {
    @Test("are replaced whole, and nothing else stays in the folder")
    func replace() throws {
        try withFolder { folder in
            let file = folder.appending("f")
            try Files.replace(file, with: [1, 2, 3])
            try Files.replace(file, with: [4])
            #expect(try Files.read(file, limit: 10) == [4])
            #expect(try Files.list(folder) == ["f"])
        }
    }

    @Test("keep their content when a replacement does not fit")
    func full() throws {
        try withMount("tmpfs", options: "size=256k") { folder in
            let file = folder.appending("f")
            try Files.replace(file, with: sampleBytes(100_000))
            #expect(throws: Errno.noSpace) { try Files.replace(file, with: sampleBytes(200_000)) }
            #expect(try Files.read(file, limit: 1 << 20) == sampleBytes(100_000))
            #expect(try Files.list(folder) == ["f"])
        }
    }

    @Test("longer than the limit are refused, as long as it are read")
    func limit() throws {
        try withFolder { folder in
            let file = folder.appending("f")
            try Files.replace(file, with: sampleBytes(100_000))
            #expect(try Files.read(file, limit: 100_000).count == 100_000)
            #expect(throws: Errno.fileTooLarge) { try Files.read(file, limit: 99_999) }
        }
    }

    @Test("in trees are removed without following links")
    func removal() throws {
        try withFolder { folder in
            try Files.replace(folder.appending("kept"), with: [1])
            let tree = folder.appending("-tree")
            try Files.makeFolders(tree.appending("a/b"), permissions: .init(rawValue: 0o755))
            try Pipeline([Command("ln", ["-s", folder.string, tree.appending("a/link").string])]).run()
            try Files.removeTree(tree)
            try Files.removeTree(tree)
            #expect(try Files.list(folder) == ["kept"])
        }
    }

    @Test("that are locked are taken by nobody else, until the lock goes")
    func lock() throws {
        try withFolder { folder in
            do {
                let lock = try FileLock.take(folder)
                #expect(try FileLock.take(ifFree: folder) == nil)
                _ = consume lock
            }
            #expect(try FileLock.take(ifFree: folder) != nil)
        }
    }

    @Test(
        "have sizes that people read",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1049, "1 kB"), (1050, "1.1 kB"), (9_960, "10 kB"),
            (23_400_000, "23 MB"), (999_600, "1 MB"), (4_200_000_000, "4.2 GB"), (UInt64.max, "18 EB"),
        ] as [(UInt64, String)])
    func sizes(bytes: UInt64, text: String) {
        #expect(byteText(bytes) == text)
    }

    @Test("failures are one line, whatever they were told")
    func oneLine() {
        let failure = Failure("read", "pod x", "a\nb\u{1b}[31mc\r\n", remedy: "try\tagain")
        #expect(failure.description == "cannot read pod x: a b [31mc ; try again")
        #expect(
            Failure(sentence: "state is truncated").of("session 3 of pod x").during("resume", "pod x").description
                == "cannot resume pod x: session 3 of pod x: state is truncated")
    }
}
