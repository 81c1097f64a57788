internal import LinuxSystem

/// What stands in one place of a table.
public enum TableCell: Sendable, ExpressibleByStringLiteral, Equatable {
    case text(String)
    /// To the right of its column.
    case number(String)

    public init(stringLiteral text: String) {
        self = .text(text)
    }

    var text: String {
        switch self {
        case .text(let text), .number(let text): text.isEmpty ? "-" : Failure.oneLine(text)
        }
    }
}

/// Columns as wide as what is in them, two spaces apart, under a line of capitals.
public struct Table: Sendable {
    public var columns: [String]
    public var rows: [[TableCell]]

    public init(columns: [String], rows: [[TableCell]]) {
        precondition(rows.allSatisfy { $0.count == columns.count })
        self.columns = columns
        self.rows = rows
    }

    /// Without a final line end. `emphasized` puts the heading in bold.
    public func text(emphasized: Bool = false) -> String {
        let widths = columns.indices.map { column in
            max(columns[column].count, rows.map { $0[column].text.count }.max() ?? 0)
        }
        let heading = columns.indices.map { column in
            let right = rows.first.map { if case .number = $0[column] { true } else { false } } ?? false
            return right ? TableCell.number(columns[column].uppercased()) : .text(columns[column].uppercased())
        }
        var lines = ([heading] + rows).map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                let padding = String(repeating: " ", count: width - cell.text.count)
                if !line.isEmpty { line += "  " }
                if case .number = cell { line += padding + cell.text } else { line += cell.text + padding }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        if emphasized { lines[0] = "\u{1b}[1m\(lines[0])\u{1b}[0m" }
        return lines.joined(separator: "\n")
    }
}
