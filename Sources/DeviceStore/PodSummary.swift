public import FoundationEssentials
internal import LinuxSystem

/// Where a pod stands in its life.
public enum PodState: String, Codable, Sendable {
    /// It has never run.
    case created
    case running
    /// It runs, or did, on a host that this one cannot look into.
    case elsewhere
    /// It has a session to resume; one that was running when its host stopped goes back to it.
    case suspended
    /// It has run and ended, or its host stopped before its first suspend.
    case stopped
    /// What the device says of it cannot be read.
    case damaged
}

/// A pod in a list.
public struct PodSummary: Codable, Sendable {
    public struct Session: Codable, Sendable {
        public var number: Int
        public var createdAt: Date
        public var imageBytes: UInt64
        public var streamBytes: UInt64

        enum CodingKeys: String, CodingKey {
            case number
            case createdAt = "created_at"
            case imageBytes = "image_bytes"
            case streamBytes = "stream_bytes"
        }
    }

    public var name: String
    public var state: PodState
    /// Where it runs, if it does.
    public var host: String?
    public var base: String?
    /// Bytes of all its layers on the device.
    public var layerBytes: UInt64?
    /// The session that resumes.
    public var session: Session?
    /// Why it is `damaged`, one line.
    public var problem: String?

    enum CodingKeys: String, CodingKey {
        case layerBytes = "layer_bytes"
        case name, state, host, base, session, problem
    }
}

extension PodStore {
    /// What a list shows; never throws, so that one damaged pod does not hide the others.
    public func summary() -> PodSummary {
        var summary = PodSummary(name: name, state: .damaged)
        do {
            summary.base = try configuration().base
            summary.layerBytes = try layerBytes()
            if let owner = try owner(), owner.life(on: device) != .dead { summary.host = owner.hostname }
            if let session = try currentSession() {
                summary.session = PodSummary.Session(
                    number: session.number, createdAt: session.createdAt, imageBytes: session.imageBytes,
                    streamBytes: session.streamBytes)
            }
            summary.state = try state()
        } catch {
            summary.problem = "\(error)"
        }
        return summary
    }

    public func state() throws -> PodState {
        switch try owner()?.life(on: device) {
        case .running: return .running
        case .unknown: return .elsewhere
        case .dead, nil: break
        }
        if try currentSessionNumber() != nil { return .suspended }
        return try layers().isEmpty ? .created : .stopped
    }
}
