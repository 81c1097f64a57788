internal import ArgumentParser
internal import CLI
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
        let folder = try LabFolder("mediapod-demo")
        var music = try MusicMove(pod: Self.pod, scratch: folder.path)
        music.say = say
        let device = folder.appending("device")
        say("two hosts, each with a PulseAudio of its own; making a device, and a pod with mpg123")
        let hostA = try LabHost("A", in: folder.appending("A"), device: device)
        let hostB = try LabHost("B", in: folder.appending("B"), device: device)
        try hostA.must(["device", "init", device.string])
        try passThrough(hostA, ["create", Self.pod, "--packages", "mpg123,alsa-utils"])

        hostA.showsProgress = true
        hostB.showsProgress = true
        defer {
            // Runs nowhere after a good run; after a bad one nothing is left behind.
            for host in [hostA, hostB] {
                host.showsProgress = false
                _ = try? host.run(["stop", Self.pod])
            }
        }
        var exactRuns = 0
        for run in 1...max(1, runs) {
            if runs > 1 { say("run \(run) of \(runs)") }
            let report = DemoReport(result: try music.play(from: hostA, to: hostB))
            report.printTable()
            try report.write(to: build.appending("report.json"))
            try DemoPicture.draw(report.result, to: build.appending("seams.png"), scratch: folder.path)
            if report.result.comparison.isExact { exactRuns += 1 }
            try hostA.recordAnew()
            try hostB.recordAnew()
        }
        say("\(exactRuns) of \(max(1, runs)) runs exact; report: build/demo/report.json, picture: build/demo/seams.png")
        guard exactRuns == max(1, runs) else {
            throw Failure("the demo", "a frame was lost, repeated or altered", remedy: "see build/demo/report.json")
        }
    }

    private func say(_ text: String) {
        print("demo: \(text)")
        // Seen at once also where the output is a pipe.
        fflush(nil)
    }

    /// Runs a command that shows its own progress.
    private func passThrough(_ host: LabHost, _ arguments: [String]) throws {
        let path = LabBroker.binaries.appending("mediapod").string
        let child = try ChildProcess(
            Command(path, arguments, name: "mediapod", environment: host.environment), input: 0, output: 1, error: 2)
        guard child.wait().isSuccess else {
            throw Failure("the demo", "mediapod \(arguments.joined(separator: " ")) failed")
        }
    }
}
