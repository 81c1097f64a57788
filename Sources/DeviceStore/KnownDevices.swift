internal import FoundationEssentials
internal import LinuxSystem
public import SystemPackage

/// `devices.json` in a host's runtime folder: the devices it has seen, and which one a command means.
public struct KnownDevices: Sendable {
    private let runtime: FilePath
    private var file: FilePath { runtime.appending("devices.json") }

    private struct List: Document {
        static let currentFormat = 1
        var formatVersion = currentFormat
        var devices: [String]

        enum CodingKeys: String, CodingKey {
            case formatVersion = "format_version"
            case devices
        }
    }

    /// - Parameter runtime: the host's runtime folder, made when something is to be remembered.
    public init(runtime: FilePath) {
        self.runtime = runtime
    }

    /// Those that are still there.
    public func list() -> [FilePath] {
        // A list that cannot be read is a list that has to be made again: it holds nothing that a person typed.
        let list = try? DocumentFile.read(List.self, file, name: "devices")
        return (list?.devices ?? []).map { FilePath($0) }.filter { Device.mayBe(at: $0) }
    }

    public func remember(_ device: Device) throws {
        var paths = list()
        guard !paths.contains(device.place) else { return }
        paths.append(device.place)
        try attempt("make", "runtime folder \(runtime.string)") { () throws(Errno) in
            try Files.makeFolders(runtime, permissions: .init(rawValue: 0o755))
        }
        try DocumentFile.replace(file, with: List(devices: paths.map(\.string).sorted()), name: "this host")
    }

    /// The device that a command means: the one it names, else the one the environment names, else the only one known.
    public func resolve(named path: String?, environment: String?) throws -> Device {
        if let named = path ?? environment {
            guard !named.isEmpty else { throw Failure("the device", "its path is empty") }
            let device = try Device.open(FilePath(named), runtime: runtime)
            // Only a convenience for the next command: a device is usable where nothing can be remembered.
            try? remember(device)
            return device
        }
        let paths = list()
        guard let path = paths.first else {
            throw Failure(
                "the device", "none is known on this host",
                remedy: "name one with --device or MEDIAPOD_DEVICE, or make one with: mediapod device init DIR")
        }
        guard paths.count == 1 else {
            throw Failure(
                "the device", "this host knows \(paths.count): \(paths.map(\.string).joined(separator: ", "))",
                remedy: "choose one with --device or MEDIAPOD_DEVICE")
        }
        return try Device.open(path, runtime: runtime)
    }
}
