import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// Two hosts and a device with a pod that can play; gone again with this object, also when a test failed.
final class TwoHosts {
    static let pod = "music"

    let folder: LabFolder
    let a: LabHost
    let b: LabHost

    /// `channelMap` is host A's.
    init(
        rate: Int = 44100, channelMap: [String] = PulseServer.stereo, kind: LabPods.Kind = .alsa, haveAir: Bool = false
    ) throws {
        folder = try LabFolder("mediapod-move")
        let device = folder.appending("device")
        a = try LabHost(
            "A", in: folder.appending("A"), device: device, rate: rate, channelMap: channelMap, hasAir: haveAir)
        b = try LabHost("B", in: folder.appending("B"), device: device, rate: rate, hasAir: haveAir)
        try LabPods.makeDevice(device, pods: [Self.pod], kind: kind, on: a)
    }

    deinit {
        for host in [a, b] { _ = try? host.run(["stop", Self.pod]) }
    }

    /// What of the engine is left on a host: mounts below its runtime folder, and processes that name it.
    static func leftovers(on host: LabHost) -> [String] {
        let mounts = (try? Files.read("/proc/self/mounts", limit: 1 << 22)) ?? []
        var found = String(decoding: mounts, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0.contains(host.runtime.string) }
        for name in (try? Files.list("/proc")) ?? [] where name.allSatisfy(\.isNumber) {
            let line = (try? Files.read(FilePath("/proc/\(name)/cmdline"), limit: 1 << 16)) ?? []
            let text = String(decoding: line.map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
            if text.contains(host.runtime.string) { found.append("\(name): \(text)") }
        }
        return found
    }
}
