internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What a screen of 1920x1080 with a picture on it adds to the dump of a pod: beside the same pod without an X server, in
/// turn.
struct DisplayDump {
    let rounds: Int
    let folder: LabFolder

    private static let pod = "display"

    private struct Times: Decodable {
        var dump: Double
        var streamBytes: Double

        enum CodingKeys: String, CodingKey {
            case dump = "dump_ms"
            case streamBytes = "stream_bytes"
        }
    }

    func measure() throws -> [BenchFigure] {
        let host = try LabHost("A", in: folder.appending("host"), device: folder.appending("device"))
        print("bench-display: making a pod with an X server")
        try host.must(["device", "init", host.device.string])
        try host.must(["create", Self.pod, "--packages", "xserver-xorg-core,x11-xserver-utils"])
        var with: [Times] = []
        var without: [Times] = []
        for round in 1...rounds {
            print("bench-display: a dump with a screen and without, round \(round) of \(rounds)")
            with.append(try dump(on: host, screen: true))
            without.append(try dump(on: host, screen: false))
        }
        return [
            bounded(
                "a screen of 1920x1080 with a picture adds to the dump", "ms",
                zip(with, without).map { $0.dump - $1.dump },
                100, "a tenth of a second"),
            bounded(
                "and to what is written", "MB", zip(with, without).map { ($0.streamBytes - $1.streamBytes) / 1e6 }, 10,
                "ten megabytes"),
        ]
    }

    private func bounded(_ name: String, _ unit: String, _ values: [Double], _ bound: Double, _ peer: String)
        -> BenchFigure
    {
        BenchFigure(name, unit: unit, ours: values, peer: values.map { _ in bound }, peerName: peer, goal: 1)
    }

    private func dump(on host: LabHost, screen: Bool) throws -> Times {
        try host.must(["run", Self.pod, "--detach", "--sound", "null"])
        defer { _ = try? host.run(["stop", "--discard", "--time", "0", Self.pod]) }
        if screen {
            let server = "exec Xorg :0 -nolisten tcp -noreset -logfile /tmp/log"
            try host.must(["exec", Self.pod, "--detach", "-u", "user", "--", "sh", "-c", server])
            let display = ["exec", Self.pod, "-u", "user", "--", "env", "DISPLAY=:0"]
            try waitUntil("the X server runs") { try host.run(display + ["xset", "q"]).status.isSuccess }
            try host.must(display + ["xrandr", "-s", "1920x1080"])
            // Neither empty nor noise; programs that draw would be dumped, too.
            try host.must(display + ["xsetroot", "-mod", "16", "16", "-fg", "#204060", "-bg", "#305070"])
            usleep(2_000_000)
        } else {
            try host.must(["exec", Self.pod, "--detach", "--", "sleep", "100000"])
        }
        let suspended = try host.must(["suspend", Self.pod, "--full", "--format", "json"])
        return try JSONDecoder().decode(Times.self, from: Data(suspended.output.utf8))
    }
}
