import SoundLab
import Testing

/// Under the address sanitizer, with everything that a viewer reads in memory of exactly its size.
@Suite struct DisplayFuzzTests {
    @Test func nothingThatAPodWritesLeadsAReaderOutOfTheMemory() throws {
        let run = try FuzzRun("display", longest: 232, seconds: 20)
        #expect(run.isClean, "\(run)")
    }
}
