import DeviceTestSupport
import LinuxSystem
import SystemPackage
import Testing

@Suite("A pipeline of programs")
struct PipelineTests {
    private func output(_ commands: [Command], input: [UInt8]? = nil, stallLimit: Int? = nil) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = input ?? []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 1)
        defer { buffer.deallocate() }
        let source: Pipeline.Source = {
            guard !rest.isEmpty else { return nil }
            let count = min(rest.count, buffer.count)
            buffer.copyBytes(from: rest[..<count])
            rest.removeFirst(count)
            return Pipeline.Piece(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        try Pipeline(commands, stallLimit: stallLimit)
            .run(source: input == nil ? nil : source, sink: { bytes.append(contentsOf: $0) })
        return bytes
    }

    private func shell(_ script: String, name: String = "filter f") -> Command {
        Command("sh", ["-c", script], name: name)
    }

    private let cat = Command("cat", [])

    @Test("carries every byte from one end to the other")
    func carries() throws {
        let bytes = sampleBytes(3_000_001)
        #expect(try output([cat, Command("zstd", ["-qc"]), Command("zstd", ["-dqc"]), cat], input: bytes) == bytes)
        #expect(try output([cat], input: []) == [])
        #expect(try output([], input: bytes) == bytes)
        #expect(try output([shell("printf hello")]) == Array("hello".utf8))
    }

    @Test(
        "names the program that failed, with its last words",
        arguments: [
            ("echo first >&2; echo 'no good' >&2; exit 3", "filter f ended with exit code 3: no good"),
            ("exit 4", "filter f ended with exit code 4"),
            ("cat; printf 'half a line' >&2; exit 1", "filter f ended with exit code 1: half a line"),
            ("kill -9 $$", "filter f was killed by signal 9 (Killed)"),
        ])
    func failing(script: String, expected: String) {
        let bytes = sampleBytes(2_000_000)
        // First, in the middle, last: never one of its neighbours.
        for commands in [[shell(script), cat], [cat, shell(script), cat], [cat, shell(script)]] {
            #expect(message { _ = try output(commands, input: bytes) } == expected)
        }
    }

    @Test(
        "tells a program that ends before it has read everything",
        arguments: ["true", "head -c 100000", "head -c 1 >&2"])
    func early(script: String) {
        // Little enough for a pipe to hold, so that nobody gets a broken one; and more than that.
        for count in [200_000, 3_000_000] {
            let bytes = sampleBytes(count)
            for commands in [[cat, shell(script), cat], [shell(script)], [cat, cat, shell(script)]] {
                #expect(
                    message { _ = try output(commands, input: bytes) }
                        .hasPrefix("filter f ended before it had read all its input"))
            }
        }
    }

    @Test("blames the program whose damaged output made the next one fail")
    func upstream() {
        let damaged = shell("head -c 100000; cat >/dev/null; echo broken >&2; exit 1")
        #expect(
            message { _ = try output([damaged, Command("zstd", ["-dqc"])], input: sampleBytes(3_000_000)) }
                .hasPrefix("filter f ended with exit code 1"))
    }

    @Test(
        "kills and names the one that makes no progress",
        arguments: [
            [0, 1], [1, 0],
        ])
    func stalling(order: [Int]) {
        let hung = shell("exec sleep 4711.25")
        let commands = order.map { [hung, cat][$0] }
        let text = message { _ = try output(commands, input: sampleBytes(4_000_000), stallLimit: 1) }
        #expect(text == "filter f has made no progress for 1 s")
    }

    @Test("is not held up by a program that is merely slow")
    func slow() throws {
        let script = "for i in 1 2 3 4 5 6; do printf x; sleep 0.4; done"
        #expect(try output([shell(script), cat], stallLimit: 1).count == 6)
    }

    @Test("leaves no program behind when its own end fails")
    func leavesNone() throws {
        struct Full: Error {}
        #expect(throws: Full.self) {
            try Pipeline([shell("yes; sleep 4712.25"), shell("cat; sleep 4712.25")]).run(sink: { _ in throw Full() })
        }
        for name in try Files.list("/proc") where Int(name) != nil {
            let command = (try? Files.read(FilePath("/proc/\(name)/cmdline"), limit: 1 << 16)) ?? []
            #expect(!String(decoding: command, as: UTF8.self).contains("4712.25"))
        }
    }

    @Test("says what to do about a program that is not there")
    func missing() {
        let command = Command("mediapod-no-such-program", [], name: "filter f")
        #expect(
            message { _ = try output([cat, command], input: [1]) }
                == "cannot start filter f: there is no program mediapod-no-such-program; "
                + "install what is missing with: make setup")
    }

    @Test("gives every line of standard error, rewritten lines too")
    func lines() throws {
        var lines: [String] = []
        var pipeline = Pipeline([shell("printf 'one\\ntwo\\rthree\\n\\nfour' >&2")])
        pipeline.onErrorLine = { lines.append($0) }
        try pipeline.run()
        #expect(lines.prefix(3) == ["one", "two", "three"])
    }

    @Test("gives programs no descriptor but their own")
    func descriptors() throws {
        let text = try output([Command("ls", ["/proc/self/fd"])])
        // The fourth is the folder that ls reads.
        #expect(String(decoding: text, as: UTF8.self) == "0\n1\n2\n3\n")
    }
}
