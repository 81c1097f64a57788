public import ArgumentParser
public import DeviceStore
internal import Glibc
public import LinuxSystem
public import SystemPackage

/// `--device PATH`, and what stands in for it.
public struct DeviceOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The device's folder. Without it MEDIAPOD_DEVICE counts, else the only device that this host knows.",
            valueName: "path"))
    public var device: String?

    public init() {}

    /// The device that is meant; throws with the choices there are.
    public func open() throws -> Device {
        let known = KnownDevices(runtime: Self.runtimeFolder)
        return try known.resolve(named: device, environment: Self.environment("MEDIAPOD_DEVICE"))
    }

    /// The path that the user named, here or in the environment.
    public var named: String? { device ?? Self.environment("MEDIAPOD_DEVICE") }

    /// What a host is to the engine: `MEDIAPOD_RUNTIME`, or the one under `/run`.
    public static var runtimeFolder: FilePath {
        FilePath(environment("MEDIAPOD_RUNTIME") ?? "/run/mediapod")
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}

extension PodNetwork: ExpressibleByArgument {}
extension ProcessorLevel: ExpressibleByArgument {}
