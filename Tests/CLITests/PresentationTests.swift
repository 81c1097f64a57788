import CLI
import FoundationEssentials
import Testing

@Suite("What a person is shown")
struct PresentationTests {
    @Test("is a table whose columns fit, numbers to the right")
    func table() {
        let table = Table(
            columns: ["name", "files"],
            rows: [[.text("x"), .number("1 kB")], [.text("a long\nname"), .number("")]])
        #expect(table.text() == "NAME         FILES\nx             1 kB\na long name      -")
        #expect(table.text(emphasized: true).hasPrefix("\u{1b}[1mNAME         FILES\u{1b}[0m\n"))
    }

    @Test(
        "is the time since, in one unit",
        arguments: [
            (-5.0, "just now"), (0, "just now"), (59, "59 s ago"), (60, "1 minute ago"), (7300, "2 hours ago"),
            (86_400, "1 day ago"), (1e9, "31 years ago"),
        ])
    func age(seconds: Double, text: String) {
        let now = Date(timeIntervalSince1970: 2e9)
        #expect(Age.text(since: now.addingTimeInterval(-seconds), now: now) == text)
    }

    @Test("is nothing of an operation that is over in a moment")
    func quick() {
        for rewrites in [true, false] {
            var written = ""
            let line = ProgressLine(rewrites: rewrites) { written += $0 }
            line.stage("writing")
            line.update(done: 1, total: 2)
            line.finish()
            #expect(written == "")
        }
    }

    @Test("is a line per stage where lines cannot be rewritten")
    func stages() async throws {
        var written = ""
        let line = ProgressLine(rewrites: false) { written += $0 }
        line.stage("fetching")
        try await Task.sleep(for: .milliseconds(1050))
        line.tick()
        line.stage("installing")
        line.update(done: 10, total: 100)
        line.finish()
        #expect(written == "fetching\ninstalling\n")
    }

    @Test("is one line that is rewritten and taken away on a terminal")
    func rewriting() async throws {
        var written = ""
        let line = ProgressLine(rewrites: true) { written += $0 }
        line.stage("writing")
        try await Task.sleep(for: .milliseconds(1050))
        line.update(done: 4_000_000, total: 8_000_000)
        // On a busy machine it also says how long it will take.
        #expect(written.hasPrefix("\rwriting: 50 % of 8 MB") && written.hasSuffix("\u{1b}[K"))
        line.finish()
        #expect(written.hasSuffix("\r\u{1b}[K"))
    }

    @Test("is a line of JSON for each stage and its end, where a program asked for it")
    func records() throws {
        var written = ""
        let line = ProgressLine(.json, rewrites: true) { written += $0 }
        line.stage("writing")
        // Within a tenth of a second: only the last of them is told.
        for done in 1...1000 { line.update(done: UInt64(done), total: 1000) }
        line.stage("syncing")
        line.finish()
        struct Record: Decodable, Equatable {
            var stage: String
            var done: UInt64?
            var total: UInt64?
        }
        let records = try written.split(separator: "\n").map { line in
            try JSONDecoder().decode(Record.self, from: Data(line.utf8))
        }
        #expect(records.first == Record(stage: "writing"))
        #expect(records.contains(Record(stage: "writing", done: 1000, total: 1000)))
        #expect(records.last == Record(stage: "syncing"))
        // Ten a second; a busy machine may take more than one second for this.
        #expect(records.count < 100)
    }

    @Test("is nothing where nobody wants to know")
    func silent() async throws {
        var written = ""
        let line = ProgressLine(.none, rewrites: true) { written += $0 }
        line.stage("writing")
        try await Task.sleep(for: .milliseconds(1050))
        line.update(done: 1, total: 2)
        line.finish()
        #expect(written == "")
    }
}
