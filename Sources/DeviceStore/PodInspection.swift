internal import SystemPackage

/// Everything that a device says of a pod.
public struct PodInspection: Codable, Sendable {
    public struct Place: Codable, Sendable {
        public var id: String
        public var path: String
        public var freeBytes: UInt64

        enum CodingKeys: String, CodingKey {
            case freeBytes = "free_bytes"
            case id, path
        }
    }

    public struct Base: Codable, Sendable {
        public var sha256: String
        public var bytes: UInt64
    }

    public var device: Place
    public var state: PodState
    public var configuration: PodConfiguration
    public var base: Base
    /// The layers there are, and those that a fresh run starts on, lowest first.
    public var layers: [Int]
    public var fileStack: [Int]
    public var layerBytes: UInt64
    public var owner: PodOwner?
    /// The number of the session that resumes, and all that are kept.
    public var currentSession: Int?
    public var sessions: [SessionManifest]

    enum CodingKeys: String, CodingKey {
        case fileStack = "file_stack"
        case layerBytes = "layer_bytes"
        case currentSession = "current_session"
        case device, state, configuration, base, layers, owner, sessions
    }
}

extension PodStore {
    public func inspect() throws -> PodInspection {
        let configuration = try configuration()
        return PodInspection(
            device: .init(id: device.id, path: device.place.string, freeBytes: try device.freeBytes()),
            state: try state(), configuration: configuration,
            base: .init(sha256: configuration.base, bytes: try device.baseBytes(configuration.base)),
            layers: try layers(), fileStack: try fileStack(), layerBytes: try layerBytes(), owner: try owner(),
            currentSession: try currentSessionNumber(), sessions: try sessions().map(manifest(ofSession:)))
    }
}
