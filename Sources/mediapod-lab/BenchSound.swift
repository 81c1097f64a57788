internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// `make bench-sound`: what a 48 kHz stream costs, in a pod and through the broker, beside alsa-plugins' `pulse` PCM
/// without a pod, at the same server and in turn.
struct BenchSound: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-sound", abstract: "Measure a stream's processor time beside the alsa-plugins pulse PCM's.")

    @Option(help: "Rounds; each plays once by either way.")
    var rounds = 5

    @Option(help: "How long each plays, s.")
    var seconds = 10

    private static let pod = "bench"
    private static let rate = 48000

    func run() throws {
        let folder = try LabFolder("mediapod-bench")
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"), rate: Self.rate)
        print("bench-sound: making a pod with alsa-utils")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", "alsa-utils"])
        let sound = folder.appending("sound.raw")
        let frames = Frames.noise(count: Self.rate * seconds)
        try attempt("write", sound.string) { () throws(Errno) in
            try Files.write(sound, Frames.pack(frames), permissions: .init(rawValue: 0o644))
        }
        try host.must(["run", Self.pod, "--detach", "--sound", host.sound])
        defer { _ = try? host.run(["stop", Self.pod]) }
        try host.must(["cp", sound.string, "\(Self.pod):/tmp/sound.raw"])
        try write(
            "</usr/share/alsa/alsa.conf>\npcm.peer { type pulse server \"\(host.server.address)\" }\n",
            to: folder.appending("peer.conf"))

        var inPod: [Double] = []
        var broker: [Double] = []
        var ours: [Double] = []
        var peer: [Double] = []
        for round in 1...rounds {
            print("bench-sound: round \(round) of \(rounds)")
            let (client, server) = try playInPod(host)
            inPod.append(client)
            broker.append(server)
            ours.append(client + server)
            peer.append(try playAtPeer(host, sound, configuration: folder.appending("peer.conf")))
        }
        try BenchReport(
            benchmark: "sound", rounds: rounds,
            figures: [
                BenchFigure(
                    "48 kHz stereo, CPU of pod and broker", unit: "ms per s played", ours: ours, peer: peer,
                    peerName: "alsa-plugins pulse, client", goal: 1.5),
                BenchFigure(
                    "of that the pod's programs", unit: "ms per s played", ours: inPod, peer: peer,
                    peerName: "alsa-plugins pulse, client", goal: nil),
                BenchFigure(
                    "of that the broker", unit: "ms per s played", ours: broker, peer: peer,
                    peerName: "alsa-plugins pulse, client", goal: nil),
            ]
        ).publish()
    }

    private func arguments(_ pcm: String, _ file: String) -> [String] {
        ["aplay", "-q", "-D", pcm, "-t", "raw", "-f", "S16_LE", "-r", "\(Self.rate)", "-c", "2", file]
    }

    /// Everything that the pod's cgroup and the broker used, ms per second played.
    private func playInPod(_ host: LabHost) throws -> (client: Double, broker: Double) {
        let cgroup = "/mediapod/" + RuntimeFolder(host.runtime).pod(Self.pod).containerID
        guard let broker = host.status(of: Self.pod)?.brokerPID,
            let podBefore = CPUTime.nanoseconds(ofCgroup: cgroup)
        else { throw Failure("bench-sound", "the pod's processor time is not to be had") }
        let brokerBefore = CPUTime.nanoseconds(of: broker)
        try host.must(["exec", Self.pod, "--"] + arguments("mediapod", "/tmp/sound.raw"))
        let used = (CPUTime.nanoseconds(ofCgroup: cgroup) ?? podBefore) - podBefore
        return (perSecond(used), perSecond(CPUTime.nanoseconds(of: broker) - brokerBefore))
    }

    private func playAtPeer(_ host: LabHost, _ sound: FilePath, configuration: FilePath) throws -> Double {
        let before = CPUTime.ofChildren
        let words = arguments("peer", sound.string)
        let player = try ChildProcess(
            Command(
                words[0], Array(words.dropFirst()),
                environment: host.environment + ["ALSA_CONFIG_PATH=\(configuration.string)"]),
            writingTo: host.folder.appending("peer.log"))
        guard player.wait().isSuccess else {
            throw Failure("the peer", "aplay failed", remedy: "see \(host.folder.appending("peer.log").string)")
        }
        return perSecond(CPUTime.ofChildren - before)
    }

    private func perSecond(_ nanoseconds: UInt64) -> Double {
        Double(nanoseconds) / 1e6 / Double(seconds)
    }

    private func write(_ text: String, to file: FilePath) throws {
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Array(text.utf8), permissions: .init(rawValue: 0o644))
        }
    }
}
