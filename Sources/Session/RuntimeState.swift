public import DeviceStore
public import LinuxSystem
public import Pod
public import SoundControl
internal import SystemPackage

/// What this host has of one pod: `state.json` in the pod's runtime folder. It says what was intended; what is, the
/// facts say (processes, mounts, the device), and `Repair` brings the two together.
public struct RuntimeState: Codable, Sendable {
    public enum Phase: String, Codable, Sendable {
        /// Being started, or resumed: nothing of it is worth keeping.
        case starting, resuming
        case running
        /// Until the session is committed on the device the pod can go on; from then on it is suspended.
        case suspending
        /// Stands still to be dumped, and runs on whatever comes of it.
        case checkpointing
        /// The main program has ended, or the pod was stopped. Nothing of it is left but this.
        case stopped
    }

    public var formatVersion = 1
    public var phase: Phase
    /// Of another boot everything but the device is gone.
    public var bootID: String
    public var device: String
    public var uidBase: UInt32
    public var uidCount: UInt32
    /// Lowest first; the last one is written to.
    public var layers: [Int]
    /// The layer that was made for this run, and can go if the run never began.
    public var newLayer: Int?
    public var sound: SoundChoice
    public var soundPolicy: SoundPolicy
    /// Where the pod's interface leads; `nil` when it has none but its loopback.
    public var network: UserNetwork.Reach?
    /// The CPUs that the programs were started on that were resumed here.
    public var origins: [ProgramOrigin]?
    /// The session that a suspend or checkpoint under way writes.
    public var writingSession: Int?
    /// The layer that a checkpoint under way copies the pod's files to.
    public var copiedLayer: Int?
    /// The filters that its session came through, as they were asked for: its next one goes through the same.
    public var filters: [String]?
    /// The full session that `blocks` belongs to.
    public var fullSession: FullSessionState?
    public var initProcess: ProcessIdentity?
    public var supervisor: ProcessIdentity?
    public var broker: ProcessIdentity?
    /// Of a stopped pod: as shells tell it; `nil` when nobody knows.
    public var exitCode: Int32?

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case bootID = "boot_id"
        case uidBase = "uid_base"
        case uidCount = "uid_count"
        case newLayer = "new_layer"
        case soundPolicy = "sound_policy"
        case writingSession = "writing_session"
        case copiedLayer = "copied_layer"
        case fullSession = "full_session"
        case initProcess = "init"
        case exitCode = "exit_code"
        case phase, device, layers, sound, network, origins, supervisor, broker, filters
    }

    /// The kernel's own id of this boot.
    public static var currentBootID: String {
        ((try? Files.text("/proc/sys/kernel/random/boot_id")) ?? "").filter { !$0.isNewline }
    }
}

/// A full session that the next one may be compared with.
public struct FullSessionState: Codable, Sendable, Equatable {
    public var number: Int
    /// Of its stream: another session may have come to have the number.
    public var streamSHA256: String

    init(_ manifest: SessionManifest) {
        number = manifest.number
        streamSHA256 = manifest.streamSHA256
    }

    enum CodingKeys: String, CodingKey {
        case streamSHA256 = "stream_sha256"
        case number
    }
}

/// Where a pod's sound goes on this host, and what of the caller's environment finds the way.
public struct SoundChoice: Codable, Sendable, Equatable {
    /// `pulse[:SERVER][@SINK]`, `alsa[:PCM]`, `file:PATH` or `null`.
    public var specification: String
    /// `NAME=value`.
    public var environment: [String]
    public var userID: UInt32
    public var groupID: UInt32
    /// Whether streams of more channels than the sink has are mixed into those it has.
    public var downmix = false

    enum CodingKeys: String, CodingKey {
        case userID = "uid"
        case groupID = "gid"
        case specification, environment, downmix
    }
}
