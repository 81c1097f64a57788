public import DeviceStore
internal import LinuxSystem
internal import SoundControl
internal import SystemPackage

extension SessionWriter {
    /// A manifest as a suspend would write it, for a stream that was not written by `SessionStream`.
    public func manifest(layers: [Int] = [1]) -> SessionManifest {
        SessionManifest(
            number: number, hostname: "host-a", kernel: "6.18.0", criuVersion: "4.2.1", base: someBase, layers: layers,
            filters: ["zstd"], imageBytes: 25_000_000, streamBytes: 5, streamSHA256: String(repeating: "0", count: 64),
            sound: SoundRecords(policy: .portable, streams: []))
    }
}

extension PodStore {
    /// Suspends, as far as the device is concerned.
    ///
    /// - Parameter keep: with it, the device is tidied afterwards.
    @discardableResult
    public func commitSession(layers: [Int] = [1], keep: Int? = nil) throws -> SessionManifest {
        let writer = try beginSession()
        try Files.replace(writer.stateFile, with: Array("state".utf8))
        let manifest = writer.manifest(layers: layers)
        try writer.commit(manifest)
        if let keep { _ = try tidy(keep: keep, isMounted: false) }
        return manifest
    }
}
