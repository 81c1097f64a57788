import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage

/// Two hosts' sound servers and a broker; the place where one program is heard, first undisturbed, then moved.
final class Stage {
    let folder: LabFolder
    let clips: Clips
    private let here: PulseServer
    private let there: PulseServer
    private let broker: LabBroker
    /// What was started and is still to be ended, oldest first. In a pod, all of it would be frozen together.
    private var processes: [ChildProcess] = []

    init() throws {
        clips = try Clips.all.get()
        folder = try LabFolder("mediapod-programs")
        here = try PulseServer(in: folder.appending("here"), rate: Clips.rate)
        there = try PulseServer(in: folder.appending("there"), rate: Clips.rate)
        broker = try LabBroker(in: folder.appending("broker"))
        try broker.start(sink: "pulse:\(here.address)")
    }

    deinit { end() }

    // MARK: For the programs

    /// Starts a program that plays to the broker, in the stage's folder. `extra` replaces variables of the same name.
    func start(_ program: String, _ arguments: [String], _ extra: [String] = []) throws -> ChildProcess {
        let process = try ChildProcess(
            Command(program, arguments, environment: environment(extra)), writingTo: folder.appending("program.log"))
        processes.append(process)
        return process
    }

    /// Runs one to its end; false when it failed.
    func run(_ program: String, _ arguments: [String], _ extra: [String] = []) throws -> Bool {
        try ChildProcess(
            Command(program, arguments, environment: environment(extra)), writingTo: folder.appending("tools.log")
        ).wait().isSuccess
    }

    private func environment(_ extra: [String]) -> [String] {
        let names = extra.map { $0.prefix { $0 != "=" } + "=" }
        return broker.environment.filter { variable in !names.contains { variable.hasPrefix($0) } } + extra
    }

    /// The ALSA configuration in which `mediapod` is found.
    var configuration: FilePath { folder.appending("broker").appending("asound.conf") }

    /// What the programs said.
    var log: String {
        String(decoding: (try? Files.read(folder.appending("program.log"), limit: 1 << 20)) ?? [], as: UTF8.self)
    }

    // MARK: For the tests

    /// What became of a program and of its sound.
    struct Outcome {
        var status: ExitStatus?
        var comparison: FrameComparison
        /// Frames heard at either server, and the place of the second server's first one.
        var heardHere = 0
        var heardThere = 0
        var begunThere: Int?
    }

    /// Plays once, and in the middle moves to the other server if asked to.
    func play(_ program: SoundProgram, moving: Bool) throws -> Outcome {
        defer { end() }
        let recorder = try MonitorRecorder(of: here)
        let expected = program.clip(clips).frames
        let player = try program.start(self)
        var parts: [[UInt32]] = []
        var last = recorder
        if moving {
            try recorder.waitUntilHeard(expected.count / 3)
            last = try MonitorRecorder(of: there)
            try move()
            try recorder.waitUntilSilent(Clips.rate / 4)
            parts.append(Array(FrameComparison.trimmed(try recorder.finish())))
        }
        if program.endsByItself {
            guard player.wait(milliseconds: 30_000) else { throw Failure(program.name, "did not end: \(log)") }
            guard player.wait().isSuccess else {
                return Outcome(
                    status: player.wait(), comparison: FrameComparison(reference: expected, recording: []))
            }
        }
        try last.waitUntilSilent(Clips.rate / 2)
        parts.append(Array(FrameComparison.trimmed(try last.finish())))
        var outcome = Outcome(
            status: program.endsByItself ? player.wait() : nil,
            comparison: FrameComparison(reference: expected, recording: parts.flatMap(\.self)))
        outcome.heardHere = parts[0].count
        if moving {
            outcome.heardThere = parts[1].count
            outcome.begunThere = FrameComparison.place(
                of: parts[1], in: Array(FrameComparison.trimmed(expected)), near: parts[0].count)
        }
        return outcome
    }

    /// In the order of a suspend and a resume: the sound stops, all is frozen, the broker leaves; another one comes with
    /// its records, and all goes on.
    private func move() throws {
        try broker.request(.hold)
        for process in processes { process.send(SIGSTOP) }
        let records = try broker.leave()
        try broker.start(sink: "pulse:\(there.address)", records: records)
        for process in processes.reversed() { process.send(SIGCONT) }
    }

    /// Ends all programs, the last one first.
    private func end() {
        while let process = processes.popLast() {
            process.send(SIGCONT)
            process.send(SIGTERM)
            if !process.wait(milliseconds: 5000) { process.kill() }
            process.wait()
        }
    }

    /// What is left of streams that nobody plays any more: each would stay as long as the broker.
    func leftoverStreams() throws -> Int {
        let list = { (server: PulseServer) in
            try Pipeline.output(of: Command("pactl", ["--server=\(server.address)", "list", "short", "sink-inputs"]))
        }
        return try (list(here) + list(there)).filter { $0 == UInt8(ascii: "\n") }.count
    }
}
