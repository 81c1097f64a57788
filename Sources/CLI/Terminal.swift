internal import Glibc
internal import LinuxSystem

/// Where the output goes, and what may be done with it there.
public enum Terminal {
    /// Whether a person looks at it: then lines may be rewritten.
    public static let isErrorTerminal = isatty(STDERR_FILENO) == 1
    public static let isOutputTerminal = isatty(STDOUT_FILENO) == 1

    /// Whether standard output may have colours (https://no-color.org).
    public static let hasColour: Bool = {
        let refused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let dumb = getenv("TERM").map { strcmp($0, "dumb") == 0 } ?? true
        return isOutputTerminal && !refused && !dumb
    }()

    /// Columns of the terminal that standard error is; 80 where it does not say.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// One line on standard error, for what is no part of the output.
    public static func say(_ text: String) {
        writeError("\(Failure.oneLine(text))\n")
    }

    /// One line on standard error: the program's name and the text.
    public static func sayError(_ text: String) {
        writeError("\(programName): \(Failure.oneLine(text))\n")
    }

    static func writeError(_ text: String) {
        var text = text
        // What nobody can read any more is no reason to fail.
        text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static var programName: String {
        CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "mediapod"
    }
}
