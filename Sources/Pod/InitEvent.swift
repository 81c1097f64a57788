/// What happens to a program that the client is attached to.
public enum InitEvent: Equatable, Sendable {
    /// `stream` is 1 (stdout, or the terminal) or 2 (stderr).
    case output(program: UInt32, stream: UInt32, bytes: [UInt8])
    /// All of the program's own output has come before.
    case exited(program: UInt32, status: InitExitStatus)
    /// So many more bytes have gone into the program's standard input; as many may be sent.
    case stdinTaken(program: UInt32, count: Int)
    /// Nothing more can be sent: nobody reads any more (EPIPE), or another client took over (EPERM).
    case stdinClosed(program: UInt32, errno: Int32)
}

/// How a program ended.
public enum InitExitStatus: Hashable, Sendable {
    case code(Int32)
    case signal(Int32)

    /// As a shell gives it: 128 and the signal that killed the program.
    public var shellCode: Int32 {
        switch self {
        case .code(let code): code & 0xff
        case .signal(let number): 128 + (number & 0x7f)
        }
    }
}

/// A program to start.
public struct InitCommand: Sendable {
    public enum User: Sendable {
        /// No supplementary groups.
        case ids(uid: UInt32, gid: UInt32)
        /// Looked up in the pod, with its groups.
        case name(String)
    }

    public struct Terminal: Sendable {
        public var rows: UInt16
        public var columns: UInt16

        public init(rows: UInt16, columns: UInt16) {
            self.rows = rows
            self.columns = columns
        }
    }

    /// The first is searched for along the environment's PATH.
    public var arguments: [String]
    /// "NAME=value". HOME is added when it is missing.
    public var environment: [String] = []
    public var workingDirectory = "/"
    public var user = User.ids(uid: 0, gid: 0)
    /// The pod ends with this program, with its exit code.
    public var isMain = false
    /// No output, exit or standard input for this client.
    public var isDetached = false
    /// Standard input comes from `sendStdin`, and not from /dev/null.
    public var hasStdin = false
    public var terminal: Terminal?

    public init(_ arguments: [String]) {
        self.arguments = arguments
    }
}

/// A program that was started or attached to.
public struct InitStarted: Hashable, Sendable {
    public var program: UInt32
    /// In the pod.
    public var pid: Int32
    public var isMain: Bool
    public var hasTerminal: Bool
}

/// A program that pod-init knows of.
public struct InitProgram: Equatable, Sendable {
    public var program: UInt32
    /// In the pod.
    public var pid: Int32
    /// `nil` while it runs.
    public var status: InitExitStatus?
    public var isMain: Bool
    public var hasTerminal: Bool
    /// Seconds since 1970, UTC.
    public var started: Int64
    /// Cut after 256 bytes.
    public var arguments: [String]
}
