import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// What ALSA promises of a PCM, tried by a program that uses alsa-lib as it is (`Programs/contract.c`).
@Suite(.serialized) struct ContractTests {
    private static let program = Result {
        // Among what is built: a folder that is kept for the whole run would never go.
        let folder = LabBroker.repository.appending("build/lab")
        try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        let source = LabBroker.repository.appending("Tests/SoundBrokerTests/Programs/contract.c")
        let program = folder.appending("contract")
        _ = try Pipeline.output(
            of: Command(
                "cc",
                [
                    "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O1", "-o", program.string,
                    source.string, "-lasound",
                ]))
        return program
    }

    private func heard(_ what: String, seconds: Double = 2) throws -> (FrameComparison, [UInt32], [UInt32]) {
        let host = try SoundHost()
        let music = Frames.noise(count: Int(44100 * seconds), seed: 31)
        let file = host.folder.appending("music.raw")
        try Files.write(file, Frames.pack(music), permissions: .ownerReadWrite)
        let client = try host.start(try Self.program.get().string, [what, file.string])
        #expect(client.wait().isSuccess, "\(what): \(host.text(of: "program.log"))")
        let recording = try host.finish()
        return (FrameComparison(reference: music, recording: recording), music, recording)
    }

    @Test(arguments: [
        "noninterleaved", "mapped", "mapped-noninterleaved", "polled", "starts", "wakes", "pauses", "rewinds",
        "rewinds-to-drain", "forwards", "runs-dry", "runs-on", "is-smooth",
        "leaves-near-the-end",
    ])
    func isKeptAndEveryFrameIsHeardOnce(what: String) throws {
        let (comparison, _, _) = try heard(what)
        #expect(comparison.isExact, "\(what): \(comparison)")
    }

    @Test func whatIsClosedLongBeforeItsEndIsCutOff() throws {
        let (comparison, music, recording) = try heard("leaves-at-once")
        #expect(comparison.altered == 0 && comparison.repeated == 0, "\(comparison)")
        // Of half a second that was queued, a part may have been heard before it was closed, but not half of it.
        #expect(FrameComparison.trimmed(recording).count < music.count - 11025)
    }

    @Test func whatIsDroppedIsNotHeardAndWhatFollowsIsWhole() throws {
        let (_, music, recording) = try heard("drops")
        let place = Samples.place(of: Frames.pack(music), in: Frames.pack(recording), frameBytes: 4)
        #expect(place != nil)
        // A little of it may have sounded before it was dropped, but not the half second that it was.
        #expect(FrameComparison.trimmed(recording).count < music.count + 22050)
    }
}
