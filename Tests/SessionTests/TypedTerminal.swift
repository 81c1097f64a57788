import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A command of a host in a terminal of 24 rows and 80 columns, at which the test types.
final class TypedTerminal {
    private let host: TestHost
    private let scratch: LabFolder
    private let child: ChildProcess
    private let keyboard: OwnedDescriptor
    /// What was shown when something was typed last.
    private var seen = 0

    init(_ arguments: [String], on host: TestHost) throws {
        self.host = host
        let scratch = try LabFolder("mediapod-terminal")
        let fifo = scratch.appending("keyboard")
        try retrying { mkfifo(fifo.string, 0o600) }
        // Both ways: it opens at once, and ends with this object.
        keyboard = OwnedDescriptor(adopting: try retrying { open(fifo.string, O_RDWR | O_CLOEXEC) })
        self.scratch = scratch
        child = try host.start(arguments, input: fifo, in: scratch.path, inTerminal: true)
    }

    /// Without the terminal's carriage returns.
    private var shown: [UInt8] {
        get throws { try Files.read(scratch.appending("output"), limit: 1 << 20).filter { $0 != 13 } }
    }

    func type(_ text: String) throws {
        seen = try shown.count
        let bytes = Array(text.utf8)
        // A line fits into a FIFO whole.
        guard write(keyboard.number, bytes, bytes.count) == bytes.count else {
            throw Failure("the terminal", "cannot be typed at")
        }
    }

    /// Waits until what was shown since something was typed has that in it, and gives it.
    @discardableResult
    func expect(_ text: String) throws -> String {
        var new = ""
        let came = try Wait.until(milliseconds: 20_000) {
            new = String(decoding: try shown.dropFirst(seen), as: UTF8.self)
            return new.contains(text)
        }
        if !came { throw Failure("the terminal", "does not show \(text), but \(new.debugDescription)") }
        return new
    }

    func end() throws -> TestHost.Said { try host.said(child, in: scratch.path) }
}
