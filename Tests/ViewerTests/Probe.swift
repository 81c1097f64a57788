import DisplayLab
import Glibc
import LinuxSystem
import SystemPackage

/// `probe` on a pod's server, which lives as long as it.
final class Probe {
    private let server: XServer
    private let process: ChildProcess
    private let input: OwnedDescriptor
    private let output: OwnedDescriptor
    private var buffered: [UInt8] = []

    init(on server: XServer) throws {
        self.server = server
        let toProbe = try PipeEnds()
        let fromProbe = try PipeEnds()
        process = try ChildProcess(
            Command(try program("probe"), [], environment: server.environment), input: toProbe.read.number,
            output: fromProbe.write.number, error: 2)
        input = toProbe.closingRead()
        output = fromProbe.closingWrite()
        try expect("ready")
    }

    deinit { process.kill() }

    /// The next line it says; `nil` when it says none in time.
    func line(seconds: Int = 20) -> String? {
        while true {
            if let end = buffered.firstIndex(of: 10) {
                defer { buffered.removeFirst(end + 1) }
                return String(decoding: buffered[..<end], as: UTF8.self)
            }
            guard Wait.readable(output.number, milliseconds: seconds * 1000) else { return nil }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(output.number, &bytes, bytes.count)
            guard count > 0 else { return nil }
            buffered += bytes[..<count]
        }
    }

    /// Reads on until it says this; lines that it says before are returned.
    @discardableResult
    func expect(_ wanted: String) throws -> [String] {
        var others: [String] = []
        while let line = line() {
            if line == wanted { return others }
            others.append(line)
        }
        throw Failure("the probe", "did not say \(wanted), but \(others.suffix(20))")
    }

    func say(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        guard write(input.number, bytes, bytes.count) == bytes.count else { throw Failure("the probe", "is gone") }
    }

    func paint(_ seed: Int, _ count: Int = 200) throws {
        try say("paint \(seed) \(count)")
        try expect("painted")
    }
}
