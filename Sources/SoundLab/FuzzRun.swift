public import LinuxSystem
internal import SystemPackage

/// Coverage-guided fuzzing by one of `Tests/Fuzz`, for as long as a test may take; `make fuzz` goes on for longer.
public struct FuzzRun {
    public let status: ExitStatus
    /// The last that it said.
    public let lines: [Substring]
    /// Inputs that ended it.
    public let cases: [String]

    public var isClean: Bool { status.isSuccess && cases.isEmpty && lines.contains { $0.hasPrefix("Done ") } }

    /// - Parameters:
    ///   - name: of the fuzzer in `build/fuzz`, and of its corpus in `testdata/fuzz`, which stays as it is.
    ///   - longest: bytes of an input.
    public init(_ name: String, longest: Int, seconds: Int) throws {
        let fuzzer = LabBroker.repository.pushing(FilePath("build/fuzz/\(name)"))
        guard Files.isRegularFile(fuzzer) else {
            throw Failure("the fuzzer", "is not built", remedy: "run make fuzzer")
        }
        let scratch = try LabFolder("mediapod-fuzz")
        let found = scratch.appending("found")
        let crashes = scratch.appending("crashes")
        for folder in [found, crashes] { try Files.makeFolders(folder, permissions: .ownerReadWriteExecute) }
        let log = scratch.appending("log")
        let corpus = LabBroker.repository.pushing(FilePath("testdata/fuzz/\(name)"))
        let dictionary = FilePath(corpus.string + ".dict")
        // What it finds goes into the first folder. With a symbolizer, a crash that was found may hang in being told.
        let process = try ChildProcess(
            Command(
                "env",
                ["ASAN_OPTIONS=symbolize=0", fuzzer.string, "-seed=1", "-max_len=\(longest)"]
                    + ["-max_total_time=\(seconds)", "-artifact_prefix=\(crashes.string)/"]
                    + (Files.isRegularFile(dictionary) ? ["-dict=\(dictionary)"] : [])
                    + [found.string, corpus.string]), writingTo: log)
        status = process.wait()
        lines = String(decoding: try Files.read(log, limit: 1 << 24), as: UTF8.self).split(separator: "\n").suffix(40)
        cases = try Files.list(crashes).map { name in
            let bytes = try Files.read(crashes.pushing(FilePath(name)), limit: 4096)
            return "\(name): \(bytes.map { String($0, radix: 16) }.joined(separator: " "))"
        }
    }
}
