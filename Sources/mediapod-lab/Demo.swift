internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make demo`: a minute of music in a pod that moves from host A to host B and back, compared frame by frame with
/// the same music decoded outside.
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play music in a pod that moves between two hosts, and account for every frame.")

    @Option(help: "How often to play it; the report is of the last run, the exit code of all.")
    var runs = 1

    private static let pod = "music"

    func run() throws {
        guard geteuid() == 0 else {
            throw Failure("the demo", "pods need root here", remedy: "run: sudo make demo")
        }
        let build = LabBroker.repository.appending("build/demo")
        try? Files.removeTree(build)
        try attempt("make", build.string) { () throws(Errno) in
            try Files.makeFolders(build, permissions: .init(rawValue: 0o755))
        }
        let music = LabBroker.repository.appending("testdata/music.mp3")
        let reference = try Self.decode(music, in: build)
        let folder = try LabFolder("mediapod-demo")
        let device = folder.appending("device")
        let hostA = try LabHost("A", in: folder.appending("A"), device: device)
        let hostB = try LabHost("B", in: folder.appending("B"), device: device)
        say("two hosts, each with a PulseAudio of its own; making a device and a pod with mpg123")
        try hostA.must(["device", "init", device.string])
        try Self.passThrough(hostA, ["create", Self.pod, "--packages", "mpg123,alsa-utils"])

        var isExact = true
        for run in 1...max(1, runs) {
            if runs > 1 { say("run \(run) of \(runs)") }
            let report = try play(music, reference: reference, from: hostA, to: hostB)
            report.printTable()
            try report.write(to: build.appending("report.json"))
            try DemoPicture.draw(report, to: build.appending("seams.png"), scratch: folder.path)
            isExact = isExact && report.comparison.isExact
            try hostA.recordAnew()
            try hostB.recordAnew()
        }
        say("report: build/demo/report.json, picture: build/demo/seams.png")
        guard isExact else {
            throw Failure("the demo", "a frame was lost, repeated or altered", remedy: "see build/demo/report.json")
        }
    }

    private func play(_ music: FilePath, reference: [UInt32], from a: LabHost, to b: LabHost) throws -> DemoReport {
        let total = UInt64(reference.count)
        try a.must(["run", Self.pod, "--detach", "--sound", a.sound])
        try a.must(["cp", music.string, "\(Self.pod):/root/music.mp3"])
        try a.must(["exec", Self.pod, "--detach", "--", "mpg123", "-q", "-o", "alsa", "/root/music.mp3"])
        say("playing on host A")
        try a.waitUntilPlayed(total / 3, pod: Self.pod)
        let first = try move(from: a, to: b)
        try b.waitUntilPlayed(total * 2 / 3, pod: Self.pod)
        let second = try move(from: b, to: a)
        try a.waitUntilSilent(pod: Self.pod)
        try a.must(["stop", Self.pod])
        usleep(300_000)
        return try DemoReport(
            reference: reference, onA: try a.recorder.finish(), onB: try b.recorder.finish(), hosts: (a, b),
            moves: [first, second])
    }

    /// Suspends on one host, resumes on the other.
    private func move(from: LabHost, to: LabHost) throws -> DemoReport.Move {
        say("suspending on host \(from.name)")
        let suspend = try from.must(["suspend", Self.pod, "--format", "json"])
        say("resuming on host \(to.name)")
        let resume = try to.must(["resume", Self.pod, "--detach", "--sound", to.sound])
        return try DemoReport.Move(suspend: suspend, resumeStarted: resume.started)
    }

    private func say(_ text: String) {
        print("demo: \(text)")
        fflush(nil)
    }

    /// The frames of an MP3, by the same player as in the pod.
    private static func decode(_ music: FilePath, in folder: FilePath) throws -> [UInt32] {
        let raw = folder.appending("reference.raw")
        let player = try ChildProcess(
            Command("mpg123", ["-q", "-e", "s16", "-O", raw.string, music.string]),
            writingTo: folder.appending("reference.log"))
        guard player.wait().isSuccess else {
            throw Failure("the reference", "mpg123 could not decode \(music.string)", remedy: "run: make setup")
        }
        let bytes = try attempt("read", raw.string) { () throws(Errno) in try Files.read(raw, limit: 1 << 28) }
        try? Files.remove(raw)
        return Frames.unpack(bytes)
    }

    /// Runs a command that shows its own progress.
    private static func passThrough(_ host: LabHost, _ arguments: [String]) throws {
        let path = LabBroker.binaries.appending("mediapod").string
        let child = try ChildProcess(
            Command(path, arguments, name: "mediapod", environment: host.environment), input: 0, output: 1, error: 2)
        guard child.wait().isSuccess else {
            throw Failure("the demo", "mediapod \(arguments.joined(separator: " ")) failed")
        }
    }
}
