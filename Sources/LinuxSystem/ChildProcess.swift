internal import CLinux
internal import Glibc
internal import SystemPackage

/// A program to start.
public struct Command: Sendable {
    /// What errors call it: `tar`, `filter zstd`.
    public var name: String
    /// Looked for in PATH when it has no slash.
    public var program: String
    public var arguments: [String]
    /// `NAME=value`; `nil` for this process's own.
    public var environment: [String]?
    /// What it is told where it asks for a passphrase: at a terminal of its own, the only place that nobody else sees.
    /// It may ask twice.
    public var passphrase: Secret?
    /// An open file that it gets as number 3.
    public var file: SharedDescriptor?

    public init(_ program: String, _ arguments: [String], name: String? = nil, environment: [String]? = nil) {
        self.program = program
        self.arguments = arguments
        self.name = name ?? program
        self.environment = environment
    }
}

/// How a program ended.
public enum ExitStatus: Sendable, Equatable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    public var isSuccess: Bool { self == .exited(0) }

    public var description: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signalled(let signal): "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
        }
    }
}

/// A started program. Killed and reaped with this object, so that no way out of a scope leaves it running.
public final class ChildProcess {
    public let command: Command
    public let pid: Int32
    /// Readable (POLLIN) once the program has ended.
    public let pidfd: OwnedDescriptor
    /// `nil` as long as it has not been reaped.
    public private(set) var status: ExitStatus?
    /// The other end of its terminal, open as long as it may ask.
    private let terminal: PassphraseTerminal?

    /// Starts it. Throws `Failure` ("cannot start zstd: no such file or directory").
    ///
    /// - Parameters:
    ///   - input, output, error: descriptors for the three standard ones; they stay the caller's.
    ///   - keeping: one more that the program gets, as number 3, unless it has a file of its own there: a lock that it
    ///     shall hold as long as it runs.
    public init(_ command: Command, input: Int32, output: Int32, error: Int32, keeping kept: Int32 = -1)
        throws(Failure)
    {
        let arguments = ([command.program] + command.arguments).map { strdup($0) } + [nil]
        let environment = command.environment.map { $0.map { strdup($0) } + [nil] }
        defer {
            for pointer in arguments + (environment ?? []) { free(pointer) }
        }
        let kept = command.file?.descriptor.number ?? kept
        let terminal = try command.passphrase.map { secret throws(Failure) in
            try attempt("start", command.name) { () throws(Errno) in try PassphraseTerminal(telling: secret) }
        }
        let result = arguments.withUnsafeBufferPointer { arguments in
            guard let environment else {
                return csys_spawn(
                    command.program, arguments.baseAddress, csys_environment(), input, output, error, kept,
                    terminal?.name)
            }
            return environment.withUnsafeBufferPointer {
                csys_spawn(
                    command.program, arguments.baseAddress, $0.baseAddress, input, output, error, kept, terminal?.name)
            }
        }
        guard result >= 0 else {
            let error = Errno(rawValue: -result)
            guard error == .noSuchFileOrDirectory else { throw Failure("start", command.name, error) }
            throw Failure(
                "start", command.name, "there is no program \(command.program)",
                remedy: "install what is missing with: make setup", cause: error)
        }
        let watched = csys_pidfd_open(result)
        guard watched >= 0 else {
            Glibc.kill(result, SIGKILL)
            waitpid(result, nil, 0)
            throw Failure("start", command.name, Errno(rawValue: -watched))
        }
        self.command = command
        pid = result
        pidfd = OwnedDescriptor(adopting: watched)
        self.terminal = terminal
    }

    deinit {
        kill()
        wait()
    }

    /// Ends it at once; without effect once it has been reaped.
    public func kill() {
        send(SIGKILL)
    }

    public func send(_ signal: Int32) {
        if status == nil { _ = csys_pidfd_send_signal(pidfd.number, signal) }
    }

    public var hasEnded: Bool {
        status != nil || isReadable(pidfd.number, milliseconds: 0)
    }

    /// Waits for its end as long as that; false when it has not come.
    public func wait(milliseconds: Int32) -> Bool {
        guard status != nil || isReadable(pidfd.number, milliseconds: milliseconds) else { return false }
        wait()
        return true
    }

    private func isReadable(_ number: Int32, milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }

    /// Waits for its end.
    @discardableResult
    public func wait() -> ExitStatus {
        if let status { return status }
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 {
            precondition(errno == EINTR, "process \(pid) was reaped by somebody else")
        }
        let signal = raw & 0x7f
        let status: ExitStatus = signal == 0 ? .exited(raw >> 8 & 0xff) : .signalled(signal)
        self.status = status
        return status
    }
}
