internal import FoundationEssentials
internal import LinuxSystem
internal import SoundControl
internal import SystemPackage

/// What was said to a broker since it was started, in a file of this host: for the next one, should this one die.
struct BrokerMemory: Codable, Equatable {
    var sink: String
    var downmix: Bool
    var policy: SoundPolicy
    var mixer: MixerState

    static func read(_ path: FilePath) -> BrokerMemory? {
        guard let bytes = try? Files.read(path, limit: 1 << 16) else { return nil }
        return try? JSONDecoder().decode(BrokerMemory.self, from: Data(bytes))
    }

    func write(_ path: FilePath) throws(Errno) {
        guard let json = try? JSONEncoder().encode(self) else { return }
        try Files.replace(path, with: Array(json), permissions: .ownerReadWrite)
    }
}
