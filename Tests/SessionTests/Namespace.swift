import LinuxSystem
import SystemPackage

/// A network and mounts of its own, held by a process.
final class Namespace {
    private let holder: ChildProcess
    var pid: Int32 { holder.pid }

    init() throws {
        let output = try PipeEnds()
        let null = try Files.openForReading("/dev/null")
        holder = try ChildProcess(
            Command(
                "unshare", ["--mount", "--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep 100000"]),
            input: null.number, output: output.write.number, error: 2)
        let said = output.closingWrite()
        guard Wait.line(from: said.number, milliseconds: 10_000) == "ready" else {
            throw Failure("a host", "has no namespaces")
        }
    }

    var prefix: [String] { ["nsenter", "--target=\(pid)", "--mount", "--net", "--"] }

    func run(_ script: String) throws {
        let words = prefix + ["sh", "-ec", script]
        _ = try Pipeline.output(of: Command(words[0], Array(words.dropFirst())))
    }
}
