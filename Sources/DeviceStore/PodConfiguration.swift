public import FoundationEssentials
public import LinuxSystem
public import SoundControl

/// A pod's network to the outside.
public enum PodNetwork: String, Codable, Sendable, CaseIterable {
    case none
    /// Out through the host, by user-mode networking.
    case user
}

/// `pod.json`: what a pod is made of, the same on every host.
public struct PodConfiguration: Codable, Sendable, Equatable, Document {
    static let currentFormat = 1

    public private(set) var formatVersion: Int
    public var id: UUID
    public var name: String
    /// The base file system: the SHA-256 of its squashfs, 64 hexadecimal digits.
    public var base: String
    public var createdAt: Date
    /// The host's user id that the pod's root is mapped to, and how many follow it.
    public var uidBase: UInt32
    public var uidCount: UInt32
    /// What the pod calls itself.
    public var hostname: String
    public var soundPolicy: SoundPolicy
    /// `NAME=value`, for every program of the pod.
    public var environment: [String]
    /// `nil` for a pod that was made before there was a choice, and has none.
    public var network: PodNetwork?
    /// What the pod's programs may use of a CPU, so that the session can go to older ones; `nil` for all of it.
    public var cpuBaseline: ProcessorLevel?
    /// How many suspended sessions are kept to go back to; `nil` for `defaultKeep`.
    public var keep: Int?

    public static let defaultKeep = 5
    /// Of `keep`.
    public static let keepRange = 1...1000

    /// How many suspended sessions are kept, whatever `pod.json` says.
    public var keptSessions: Int { min(max(keep ?? Self.defaultKeep, 1), Self.keepRange.upperBound) }

    public init(
        name: String, base: String, id: UUID = UUID(), createdAt: Date = Date(), uidBase: UInt32 = 100_000,
        uidCount: UInt32 = 65_536, hostname: String? = nil, soundPolicy: SoundPolicy = .portable,
        environment: [String] = [], network: PodNetwork = .user, cpuBaseline: ProcessorLevel? = nil, keep: Int? = nil
    ) {
        formatVersion = Self.currentFormat
        self.id = id
        self.name = name
        self.base = base
        self.createdAt = JSONText.wholeSeconds(createdAt)
        self.uidBase = uidBase
        self.uidCount = uidCount
        self.hostname = hostname ?? name
        self.soundPolicy = soundPolicy
        self.environment = environment
        self.network = network
        self.cpuBaseline = cpuBaseline
        self.keep = keep
    }

    /// What every program of the pod is started with.
    public var programEnvironment: [String] {
        (cpuBaseline.map { ["GLIBC_TUNABLES=\($0.glibcTunable)"] } ?? []) + environment
    }

    /// Makes it that of another pod that goes on as this one: its programs' machine keeps its name.
    mutating func become(_ name: String) {
        self.name = name
        id = UUID()
        createdAt = JSONText.wholeSeconds(Date())
    }

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case createdAt = "created_at"
        case uidBase = "uid_base"
        case uidCount = "uid_count"
        case soundPolicy = "sound_policy"
        case cpuBaseline = "cpu_baseline"
        case id, name, base, hostname, environment, network, keep
    }
}
