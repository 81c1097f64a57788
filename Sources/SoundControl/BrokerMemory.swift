internal import FoundationEssentials
internal import LinuxSystem
public import SystemPackage

/// What was said to a broker since it was started, in a file of this host: for the next one, should this one die.
public struct BrokerMemory: Codable, Sendable, Equatable {
    /// As `--sound` says it.
    public var sink: String
    public var downmix: Bool
    public var policy: SoundPolicy
    public var mixer: MixerState

    public init(sink: String, downmix: Bool, policy: SoundPolicy, mixer: MixerState) {
        self.sink = sink
        self.downmix = downmix
        self.policy = policy
        self.mixer = mixer
    }

    /// `nil` where there is none, or none that makes sense.
    public static func read(_ path: FilePath) -> BrokerMemory? {
        guard let bytes = try? Files.read(path, limit: 1 << 16) else { return nil }
        return try? JSONDecoder().decode(BrokerMemory.self, from: Data(bytes))
    }

    public func write(_ path: FilePath) throws(Errno) {
        guard let json = try? JSONEncoder().encode(self) else { return }
        try Files.replace(path, with: Array(json), permissions: .ownerReadWrite)
    }
}
