import SoundLab
import Testing

@Suite struct FuzzTests {
    @Test func noMessageThatAFuzzerFindsTrapsTheDecoder() throws {
        let run = try FuzzRun("plugin-message", longest: 160, seconds: 20)
        #expect(run.isClean, "\(run)")
    }
}
