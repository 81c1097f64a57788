internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// `mediapod suspend` at work, and what it says of its progress.
final class SuspendJob {
    private let process: ChildProcess
    private let output: OwnedDescriptor
    private var buffered: [UInt8] = []
    /// The last line it wrote.
    private(set) var lastLine = "suspending"

    /// For poll(2).
    var descriptor: Int32 { output.number }

    init(_ command: Command) throws(Failure) {
        let ends = try attempt("make", "a pipe") { () throws(Errno) in try PipeEnds() }
        let null = try attempt("open", "/dev/null") { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open("/dev/null", O_RDWR | O_CLOEXEC) })
        }
        // What it reports at its end is of no interest here; its errors are.
        process = try ChildProcess(command, input: null.number, output: null.number, error: ends.write.number)
        let reading = ends.closingWrite()
        do { try reading.setNonBlocking(true) } catch { throw Failure("read", command.name, error) }
        output = reading
    }

    /// Reads what it has said; how it ended once it has.
    func look() -> ExitStatus? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output.number, &bytes, bytes.count)
            if count > 0 {
                buffered += bytes[..<count]
                if buffered.count > 1 << 16 { buffered.removeFirst(buffered.count - 4096) }
                continue
            }
            if count < 0, errno == EINTR { continue }
            break
        }
        let lines = buffered.split { $0 == 10 || $0 == 13 }
        if let line = lines.last, !line.isEmpty {
            lastLine = Failure.oneLine(String(decoding: line, as: UTF8.self))
        }
        return process.hasEnded ? process.wait() : nil
    }
}
