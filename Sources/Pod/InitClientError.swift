import Glibc
import PodInitABI

/// Why talking to pod-init failed.
public enum InitClientError: Error, Equatable, Sendable {
    /// A system call on this end failed.
    case system(call: String, errno: Int32)
    /// pod-init said no.
    case refused(stage: InitStage, errno: Int32)
    /// pod-init closed the connection: the pod has ended, or it took this process for a stranger.
    case disconnected
    /// No answer in time: the pod is frozen, or its host very slow.
    case timedOut
    /// The pod sent what pod-init never sends.
    case malformed(String)
}

/// What pod-init was doing when it failed.
public enum InitStage: Hashable, Sendable {
    case message
    case program
    case pipes
    case terminal
    case fork
    case user
    case identity
    case directory
    case exec
    case stdin
    case signal
    case windowSize
    /// One of a later version.
    case other(UInt32)

    init(rawValue: UInt32) {
        switch PodInitStage(rawValue) {
        case PodInitStageProtocol: self = .message
        case PodInitStageProgram: self = .program
        case PodInitStagePipes: self = .pipes
        case PodInitStageTerminal: self = .terminal
        case PodInitStageFork: self = .fork
        case PodInitStageUser: self = .user
        case PodInitStageIdentity: self = .identity
        case PodInitStageDirectory: self = .directory
        case PodInitStageExec: self = .exec
        case PodInitStageStdin: self = .stdin
        case PodInitStageSignal: self = .signal
        case PodInitStageWindowSize: self = .windowSize
        default: self = .other(rawValue)
        }
    }
}

extension InitClientError {
    /// The exit code that a shell gives to a command that could not be run: 127 when there is none of that name,
    /// 126 when it cannot be executed. `nil` if the failure was another.
    public var exitCode: Int32? {
        guard case .refused(let stage, let errno) = self else { return nil }
        switch stage {
        case .exec: return errno == ENOENT ? 127 : 126
        case .directory, .user, .identity: return 126
        default: return nil
        }
    }
}

extension InitClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .system(let call, let errno): "\(call): \(Self.text(errno))"
        case .refused(let stage, let errno): "\(stage): \(Self.text(errno))"
        case .disconnected: "the pod's init closed the connection"
        case .timedOut: "the pod's init does not answer"
        case .malformed(let what): "the pod's init sent \(what)"
        }
    }

    private static func text(_ errno: Int32) -> String {
        strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
    }
}

extension InitStage: CustomStringConvertible {
    public var description: String {
        switch self {
        case .message: "request"
        case .program: "program"
        case .pipes: "making pipes"
        case .terminal: "making a terminal"
        case .fork: "fork"
        case .user: "looking up the user"
        case .identity: "becoming the user"
        case .directory: "working directory"
        case .exec: "running the program"
        case .stdin: "standard input"
        case .signal: "signal"
        case .windowSize: "window size"
        case .other(let number): "stage \(number)"
        }
    }
}
