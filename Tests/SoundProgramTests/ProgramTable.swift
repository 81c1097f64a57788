import LinuxSystem
import SoundLab
import Synchronization
import SystemPackage

/// The table of what was measured, as it stands in the README.
enum ProgramTable {
    /// One row's four answers; `nil` where it was not tried.
    struct Row {
        var whole: Stage.Outcome?
        var moved: Stage.Outcome?
    }

    private static let rows = Mutex<[String: Row]>([:])

    /// Notes what was measured, and writes all that is known so far to `build/programs.md`.
    static func note(_ program: SoundProgram, _ row: Row) throws {
        let text = rows.withLock { rows in
            rows[program.name] = row
            return header + SoundProgram.all.map { line($0.name, answers(rows[$0.name])) }.joined()
        }
        try Files.write(
            LabBroker.repository.appending("build/programs.md"), Array(text.utf8), permissions: .ownerReadWrite)
    }

    /// As it has to be.
    static var expected: String {
        header + SoundProgram.all.map { line($0.name, Array(repeating: "yes", count: 4)) }.joined()
    }

    private static let header = """
        | program | plays | frame-exact | survives a move | frame-exact across it |
        |---|---|---|---|---|

        """

    private static func line(_ name: String, _ answers: [String]) -> String {
        "| \(name) | \(answers.joined(separator: " | ")) |\n"
    }

    private static func answers(_ row: Row?) -> [String] {
        [
            row?.whole.map { $0.plays ? "yes" : "no" }, row?.whole.map { $0.exactness },
            row?.moved.map { $0.plays && $0.heardThere > 0 ? "yes" : "no" }, row?.moved.map { $0.exactness },
        ].map { $0 ?? "not measured" }
    }
}

extension Stage.Outcome {
    var plays: Bool { status?.isSuccess != false && comparison.heard > 0 }

    fileprivate var exactness: String {
        if comparison.isExact { return "yes" }
        return "no: \(comparison.lost) lost, \(comparison.repeated) repeated, \(comparison.altered) altered"
    }
}
