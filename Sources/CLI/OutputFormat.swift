public import ArgumentParser
internal import LinuxSystem

/// How a command shows what it found.
public enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case table, json
}

/// `--format table|json`
public struct OutputOptions: ParsableArguments {
    @Option(name: .long, help: "How to show it: table or json.")
    public var format: OutputFormat = .table

    public init() {}

    /// Prints a list: as a table for people, or as the records themselves.
    ///
    /// - Parameter empty: what a person reads when there is nothing.
    public func show<Record: Encodable>(
        _ records: [Record], empty: String, columns: [String], row: (Record) -> [TableCell]
    ) throws {
        switch format {
        case .json:
            try printJSON(records)
        case .table where records.isEmpty:
            print(empty)
        case .table:
            print(Table(columns: columns, rows: records.map(row)).text(emphasized: Terminal.hasColour))
        }
    }

    /// Prints one thing: as lines of "name  value" for people, or as the record itself.
    public func show(_ record: some Encodable, lines: () -> [(String, String)]) throws {
        switch format {
        case .json:
            try printJSON(record)
        case .table:
            let lines = lines()
            let width = lines.map(\.0.count).max() ?? 0
            for (name, value) in lines {
                print(name + String(repeating: " ", count: width - name.count + 2) + Failure.oneLine(value))
            }
        }
    }

    private func printJSON(_ value: some Encodable) throws {
        print(String(decoding: try JSONText.encode(value), as: UTF8.self), terminator: "")
    }
}
