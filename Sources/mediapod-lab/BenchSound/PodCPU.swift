internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// What a 48 kHz stream costs in a real pod and its broker, beside the peer's client without a pod.
struct PodCPU {
    let rounds: Int
    let seconds: Int

    private static let pod = "bench"

    func measure() throws -> [BenchFigure] {
        let folder = try LabFolder("mediapod-bench")
        let host = try LabHost("A", in: folder.path, device: folder.appending("device"), rate: SoundStage.rate)
        say("making a pod with alsa-utils")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", "alsa-utils"])
        let stage = try SoundStage()
        let sound = try stage.noise(seconds: seconds)
        try host.must(["run", Self.pod, "--detach", "--sound", host.sound])
        defer { _ = try? host.run(["stop", Self.pod]) }
        try host.must(["cp", sound.string, "\(Self.pod):/tmp/sound.raw"])

        var inPod: [Double] = []
        var broker: [Double] = []
        var peer: [Double] = []
        func playByPeer() throws -> Double {
            let before = CPUTime.ofChildren
            let log = folder.appending("peer.log")
            guard try stage.play(BenchPeer.pulse.id, sound, log: log).wait().isSuccess else {
                throw Failure("the peer", "aplay failed", remedy: "see \(log.string)")
            }
            return perSecond(CPUTime.ofChildren - before)
        }
        // By itself: a pod's first program has its files read off the device and unpacked, once.
        say("the first stream in a pod")
        let first = try playInPod(host)
        let peerFirst = try playByPeer()
        for round in 1...rounds {
            say("a stream in a pod, round \(round) of \(rounds)")
            let (client, server) = try playInPod(host)
            inPod.append(client)
            broker.append(server)
            peer.append(try playByPeer())
        }
        let peerName = "\(BenchPeer.pulse.name), client"
        return [
            BenchFigure(
                "48 kHz stereo in a pod, the first since its start", unit: "ms per s played",
                ours: [first.client + first.broker], peer: [peerFirst], peerName: peerName, goal: nil),
            BenchFigure(
                "48 kHz stereo in a pod, CPU of pod and broker", unit: "ms per s played",
                ours: zip(inPod, broker).map { $0 + $1 }, peer: peer, peerName: peerName, goal: 1.2),
            BenchFigure(
                "of that the pod's programs", unit: "ms per s played", ours: inPod, peer: peer, peerName: peerName,
                goal: nil),
            BenchFigure(
                "of that the broker", unit: "ms per s played", ours: broker, peer: peer, peerName: peerName, goal: nil),
        ]
    }

    /// Everything that the pod's cgroup and the broker used, ms per second played.
    private func playInPod(_ host: LabHost) throws -> (client: Double, broker: Double) {
        let cgroup = "/mediapod/" + RuntimeFolder(host.runtime).pod(Self.pod).containerID
        guard let broker = host.status(of: Self.pod)?.brokerPID,
            let podBefore = CPUTime.nanoseconds(ofCgroup: cgroup)
        else { throw Failure("bench-sound", "the pod's processor time is not to be had") }
        let brokerBefore = CPUTime.nanoseconds(of: broker)
        try host.must(["exec", Self.pod, "--"] + SoundStage.aplay(SoundStage.ours, "/tmp/sound.raw", ["-q"]))
        let used = (CPUTime.nanoseconds(ofCgroup: cgroup) ?? podBefore) - podBefore
        return (perSecond(used), perSecond(CPUTime.nanoseconds(of: broker) - brokerBefore))
    }

    private func perSecond(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e6 / Double(seconds) }
}
