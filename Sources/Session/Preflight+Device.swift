internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

extension Preflight {
    /// The files that a pod's root is laid of.
    static func files(_ store: PodStore, base: String, layers: [Int]) -> [CheckFinding] {
        func refusal(_ error: any Error, _ place: FilePath) -> [CheckFinding] {
            let failure = error as? Failure
            return [
                CheckFinding(
                    "files", .refused, failure?.statement ?? "\(error)",
                    remedy: failure?.remedy ?? "copy it from where the pod was, into \(place)")
            ]
        }
        do {
            try store.device.requireBase(base)
        } catch {
            return refusal(error, store.device.basePath(base))
        }
        let layers = (try? store.presentLayers(of: layers)) ?? layers
        do {
            try store.requireLayers(layers)
        } catch {
            return refusal(error, store.folder.appending("layers"))
        }
        return [CheckFinding("files", .ok, "its base and \(layers.count) layers are on the device")]
    }

    /// Whether the memory is there in its whole length; what is in it is found out while it is read.
    static func stream(of session: SessionManifest, in store: PodStore) -> [CheckFinding] {
        let file = store.stateFile(ofSession: session.number)
        let bytes = try? Files.size(of: file)
        guard bytes == session.streamBytes else {
            return [
                CheckFinding(
                    "files", .refused,
                    "session \(session.number) is incomplete: \(bytes ?? 0) of \(session.streamBytes) bytes are on the device",
                    remedy: "copy \(file) from where it was suspended")
            ]
        }
        return []
    }

    /// What fills up sooner than a person is back.
    private static let littleSpace: UInt64 = 64 << 20

    static func space(_ device: Device) -> [CheckFinding] {
        guard let free = try? device.freeBytes() else { return [] }
        let text = "\(byteText(free)) free on the device"
        guard free < littleSpace else { return [CheckFinding("space", .ok, text)] }
        let obstacle = device.obstacleToGrowth.map { "; its image cannot grow: \($0)" } ?? ""
        return [
            CheckFinding(
                "space", .limited, "only \(text): the session can hardly be suspended again",
                remedy: "free some on \(device.place)\(obstacle)")
        ]
    }

    /// While it is restored a session's memory is there twice: as images, and as memory.
    static func memory(for session: SessionManifest) -> [CheckFinding] {
        guard let available = availableMemory else { return [] }
        let (need, isTooMuch) = session.imageBytes.multipliedReportingOverflow(by: 2)
        let text = "the session needs \(byteText(need)) of memory while it is resumed, \(byteText(available)) are free"
        if isTooMuch || need > available {
            return [
                CheckFinding("memory", .refused, text, remedy: "close programs on this host, or add swap space")
            ]
        }
        return [CheckFinding("memory", .ok, text)]
    }

    /// Bytes, of memory and swap space.
    private static var availableMemory: UInt64? {
        guard let text = try? Files.text("/proc/meminfo") else { return nil }
        func kilobytes(_ name: String) -> UInt64? {
            text.split(separator: "\n").first { $0.hasPrefix(name) }.flatMap { UInt64($0.filter(\.isNumber)) }
        }
        guard let memory = kilobytes("MemAvailable:") else { return nil }
        return (memory &+ (kilobytes("SwapFree:") ?? 0)) &* 1024
    }
}
