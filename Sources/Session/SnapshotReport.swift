public import Checkpoint

/// What a suspend or checkpoint did, and how long its parts took. ms
public struct SnapshotReport: Codable, Sendable {
    public var session = 0
    /// Until filters and CRIU were at work; the pod still ran.
    public var prepare = 0.0
    /// Until every process stood still.
    public var freeze = 0.0
    /// Until every stream stood still at its exact position, and the pod had been let go.
    public var sound = 0.0
    public var dump = 0.0
    public var write = 0.0
    /// Until it was safe on the device.
    public var sync = 0.0
    /// Of a live checkpoint: from the first stream that stood still to the first process that went on.
    public var frozen: Double?
    /// Until the commit.
    public var total = 0.0
    /// After it: taking away what was on this host.
    public var cleanup = 0.0
    public var imageBytes: UInt64 = 0
    public var streamBytes: UInt64 = 0
    /// What a person should know of where the session can go, each in one line.
    public var warnings: [String] = []
    /// Sessions on the device that it is made of the blocks of.
    public var requires: [Int] = []

    enum CodingKeys: String, CodingKey {
        case session, requires
        case prepare = "prepare_ms"
        case frozen = "frozen_ms"
        case freeze = "freeze_ms"
        case sound = "sound_ms"
        case dump = "dump_ms"
        case write = "write_ms"
        case sync = "sync_ms"
        case total = "total_ms"
        case cleanup = "cleanup_ms"
        case imageBytes = "image_bytes"
        case streamBytes = "stream_bytes"
        case warnings
    }
}

/// What a suspend or checkpoint may be told.
public struct SnapshotOptions: Sendable {
    /// What the stream goes through; `nil` for what the session came through, or zstd.
    public var filters: [FilterChoice]?
    public var keys: Keys
    /// Writes all of it, whatever the device has already.
    public var isFull: Bool

    public init(filters: [FilterChoice]? = nil, keys: Keys = Keys(), isFull: Bool = false) {
        self.filters = filters
        self.keys = keys
        self.isFull = isFull
    }
}
