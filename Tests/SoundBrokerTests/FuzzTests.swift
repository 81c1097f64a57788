import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// Coverage-guided fuzzing, for as long as a test may take; `make fuzz` goes on for longer.
@Suite struct FuzzTests {
    @Test func noMessageThatAFuzzerFindsTrapsTheDecoder() throws {
        let fuzzer = LabBroker.repository.appending("build").appending("fuzz").appending("plugin-message")
        guard Files.isRegularFile(fuzzer) else {
            throw Failure("the fuzzer", "is not built", remedy: "run make fuzzer")
        }
        let scratch = try LabFolder("mediapod-fuzz")
        let found = scratch.appending("found")
        let crashes = scratch.appending("crashes")
        for folder in [found, crashes] { try Files.makeFolders(folder, permissions: .ownerReadWriteExecute) }
        let log = scratch.appending("log")
        let corpus = LabBroker.repository.pushing("testdata/fuzz/plugin-message")
        // What it finds goes into the first folder: the corpus stays as it is.
        let process = try ChildProcess(
            Command(
                "env",
                [
                    // With a symbolizer, a crash that was found may hang in being told.
                    "ASAN_OPTIONS=symbolize=0", fuzzer.string, "-seed=1", "-max_len=160", "-max_total_time=20",
                    "-dict=\(corpus.string).dict", "-artifact_prefix=\(crashes.string)/",
                    found.string, corpus.string,
                ]), writingTo: log)
        let status = process.wait()
        let lines = String(decoding: try Files.read(log, limit: 1 << 24), as: UTF8.self).split(separator: "\n")
        let cases = try Files.list(crashes).map { name in
            let bytes = try Files.read(crashes.pushing(FilePath(name)), limit: 4096)
            return "\(name): \(bytes.map { String($0, radix: 16) }.joined(separator: " "))"
        }
        #expect(status.isSuccess && cases.isEmpty, "\(cases) \(lines.suffix(40).joined(separator: "\n"))")
        #expect(lines.contains { $0.hasPrefix("Done ") }, "it fuzzed")
    }
}
