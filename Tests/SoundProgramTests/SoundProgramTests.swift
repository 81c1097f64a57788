import LinuxSystem
import SoundLab
import SystemPackage
import Testing

/// The matrix: unmodified programs, each heard to the frame, once undisturbed and once with a move in the middle.
@Suite(.serialized) struct SoundProgramTests {
    @Test(arguments: SoundProgram.all)
    func everyFrameIsHeardOnceAlsoAcrossAMove(program: SoundProgram) throws {
        let stage = try Stage()
        var row = ProgramTable.Row()
        defer { try? ProgramTable.note(program, row) }

        let whole = try stage.play(program, moving: false)
        row.whole = whole
        #expect(whole.plays, "\(whole)\n\(stage.log)")
        #expect(whole.comparison.isExact, "\(whole)\n\(stage.log)")

        let moved = try stage.play(program, moving: true)
        row.moved = moved
        #expect(moved.plays && moved.heardThere > 0, "\(moved)\n\(stage.log)")
        #expect(moved.comparison.isExact, "\(moved)\n\(stage.log)")

        // A program that ran dry and went on has lost nothing; on a busy machine that is nobody's fault, but worth knowing.
        for outcome in [whole, moved] where outcome.comparison.silent > 0 {
            print("\(program.name): \(outcome.comparison.silent) frames of silence in between")
        }
        try waitUntil("no stream of a program that is gone is left at a server") { try stage.leftoverStreams() == 0 }
    }

    @Test func theReadmeHasTheTable() throws {
        let readme = LabBroker.repository.appending("README.md")
        let text = String(decoding: try Files.read(readme, limit: 1 << 20), as: UTF8.self)
        #expect(text.contains(ProgramTable.expected), "write into it what the tests left in build/programs.md")
    }
}
