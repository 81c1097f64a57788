internal import CLinux
internal import Glibc
internal import SystemPackage

/// One program of a running `Pipeline`.
final class PipelineStage {
    let process: ChildProcess
    /// The reading end of its input, held beside the program itself: what it left unread can be seen, and the one
    /// before it is not killed by a broken pipe until that has been seen.
    private(set) var input: OwnedDescriptor?
    private(set) var errors: OwnedDescriptor?
    private(set) var endedEarly = false
    /// Of a program that has ended: nobody could write for it any more.
    private(set) var sawEndOfInput = false
    private var moved: (read: UInt64, written: UInt64) = (0, 0)
    private var line: [UInt8] = []
    private var lastLine = ""

    /// Of a longer line of errors only the beginning is kept. Bytes.
    private static let longestLine = 4096
    /// What tar and age say after they have said what is wrong.
    private static let empty = [
        "Exiting with failure status due to previous errors", "Error is not recoverable: exiting now", "age: hint: ",
        "age: report unexpected or unhelpful errors",
    ]

    init(_ process: ChildProcess, input: consuming OwnedDescriptor?, errors: consuming OwnedDescriptor?) {
        self.process = process
        self.input = input
        self.errors = errors
    }

    /// Nothing more is to be learnt of it.
    var isOver: Bool { process.status != nil && input == nil }

    var endedBadly: Bool { endedEarly || process.status.map { !$0.isSuccess } ?? false }

    var failure: Failure {
        let name = process.command.name
        if let status = process.status, !status.isSuccess { return Failure(sentence: "\(name) \(status)\(lastWords)") }
        return Failure(sentence: "\(name) ended before it had read all its input\(lastWords)")
    }

    /// Bytes that it has read and written so far. The kernel tells nothing of a program that has ended: what it said
    /// before counts.
    func bytesMoved() -> (read: UInt64, written: UInt64) {
        let now = process.bytesMoved
        moved = (max(moved.read, now.read), max(moved.written, now.written))
        return moved
    }

    /// ": what it said last", where it said something.
    var lastWords: String {
        let text = Failure.oneLine(line.isEmpty ? lastLine : String(decoding: line, as: UTF8.self))
        return text.isEmpty ? "" : ": \(text)"
    }

    var hasInputWaiting: Bool { input.number.map { csys_waiting_bytes($0) > 0 } ?? false }

    /// Of a program that has ended: was there more for it to read? As long as somebody can still write, the question
    /// stays open.
    func checkLeftovers() {
        guard let number = input.number else { return }
        var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 0) > 0 else { return }
        if csys_waiting_bytes(number) > 0 { endedEarly = true }
        if Int32(polled.revents) & POLLHUP != 0 { sawEndOfInput = true }
        input = nil
    }

    /// Takes what it has written to its standard error, without waiting.
    func readErrors(_ onLine: ((String) -> Void)?) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while let number = errors.number {
            let got = read(number, &chunk, chunk.count)
            if got < 0 && errno == EINTR { continue }
            if got < 0 && errno == EAGAIN { return }
            if got <= 0 { errors = nil }
            for byte in chunk[..<max(got, 0)] { take(byte, onLine) }
        }
        take(UInt8(ascii: "\n"), onLine)
    }

    /// A program of its own that it started may hold its standard error open for ever.
    func closeErrors() {
        errors = nil
    }

    private func take(_ byte: UInt8, _ onLine: ((String) -> Void)?) {
        guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
            if line.count < Self.longestLine { line.append(byte) }
            return
        }
        if line.contains(where: { $0 > UInt8(ascii: " ") }) {
            let text = String(decoding: line, as: UTF8.self)
            onLine?(text)
            if lastLine.isEmpty || !Self.empty.contains(where: text.contains) { lastLine = text }
        }
        line = []
    }
}

extension ChildProcess {
    /// Bytes that the program has read and written so far, files and pipes together, as the kernel counts them; zeros
    /// where it does not say.
    var bytesMoved: (read: UInt64, written: UInt64) {
        guard let text = try? Files.read(FilePath("/proc/\(pid)/io"), limit: 4096) else { return (0, 0) }
        var moved: (read: UInt64, written: UInt64) = (0, 0)
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix("rchar: ") { moved.read = UInt64(line.dropFirst(7)) ?? 0 }
            if line.hasPrefix("wchar: ") { moved.written = UInt64(line.dropFirst(7)) ?? 0 }
        }
        return moved
    }
}

/// The two ends of a new pipe, until each has found its owner.
struct Pipe: ~Copyable {
    var read: OwnedDescriptor?
    var write: OwnedDescriptor?

    init(capacity: Int) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try check(csys_pipe(&ends, Int32(capacity)))
        read = OwnedDescriptor(adopting: ends[0])
        write = OwnedDescriptor(adopting: ends[1])
    }
}
