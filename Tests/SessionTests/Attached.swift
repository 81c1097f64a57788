import LinuxSystem
import SoundLab
import SystemPackage

/// A command of a host that runs beside the test.
final class Attached {
    private let host: TestHost
    private let scratch: LabFolder
    private let child: ChildProcess

    /// - Parameter inTerminal: with one of 24 rows and 80 columns, by script(1), which writes both of its outputs to one.
    init(_ arguments: [String], on host: TestHost, inTerminal: Bool = false) throws {
        self.host = host
        scratch = try LabFolder("mediapod-attached")
        child = try host.start(arguments, in: scratch.path, inTerminal: inTerminal)
    }

    /// A program beside the test; killed when it is let go.
    static func program(_ words: [String]) throws -> ChildProcess {
        let null = try Files.openForReading("/dev/null")
        let output = try Files.openForWriting("/dev/null")
        return try ChildProcess(
            Command(words[0], Array(words.dropFirst())), input: null.number, output: output.number, error: 2)
    }

    var pid: Int32 { child.pid }

    func waitForOutput(_ text: String) throws {
        let file = scratch.appending("output")
        let came = try Wait.until(milliseconds: 20_000) {
            String(decoding: try Files.read(file, limit: 1 << 20), as: UTF8.self).contains(text)
        }
        if !came { throw Failure("the command", "did not say \(text)") }
    }

    func kill() { child.kill() }

    func end() throws -> TestHost.Said { try host.said(child, in: scratch.path) }
}

extension TestHost {
    func waitUntilRunning() throws {
        let came = try Wait.until(milliseconds: 20_000) { try run(["exec", TestHosts.pod, "--", "echo"]).code == 0 }
        if !came { throw Failure("the pod", "does not run") }
    }
}
