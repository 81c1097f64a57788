internal import CLinux
internal import Glibc
public import SystemPackage

/// A program that may outlive this one, started with exactly the descriptors that it is to have.
public struct Launch: Sendable {
    public var executable: FilePath
    public var arguments: [String]
    /// `NAME=value`.
    public var environment: [String]
    /// A session of its own: no terminal, and no Ctrl-C that was meant for us.
    public var newSession = true
    private var descriptors: [(source: Int32, target: Int32)] = []

    public init(_ executable: FilePath, _ arguments: [String], environment: [String] = Launch.plainEnvironment) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
    }

    /// Where programs are found, and nothing of the caller's.
    public static let plainEnvironment = ["PATH=\(searchPath)", locale]
    public static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    public static let locale = "LC_ALL=C.UTF-8"

    /// This process's own.
    public static var callersEnvironment: [String] {
        var entries: [String] = []
        var next = csys_environment()
        while let entry = next?.pointee {
            entries.append(String(cString: entry))
            next = next?.advanced(by: 1)
        }
        return entries
    }

    /// Gives the program our `descriptor` under `number`; ours must stay open until `start` has returned. Standard input,
    /// output and error that are not given are /dev/null.
    public mutating func give(_ descriptor: Int32, as number: Int32) {
        descriptors.removeAll { $0.target == number }
        descriptors.append((descriptor, number))
    }

    public func start() throws(Failure) -> LaunchedProcess {
        let pid = try withArguments { arguments, environment, given throws(Errno) in
            try check(
                csys_launch(executable.string, arguments, environment, given, given.count, newSession ? 1 : 0))
        }
        return LaunchedProcess(pid: pid)
    }

    /// Starts it in a session of its own, in the cgroups, one of each hierarchy, whose `cgroup.procs` those are. They are the
    /// roots of its cgroup namespace.
    public func start(inCgroups lists: [FilePath]) throws(Failure) -> LaunchedProcess {
        let pid = try withArguments { arguments, environment, given throws(Errno) in
            try withCStrings(lists.map(\.string)) { lists throws(Errno) in
                try check(
                    csys_launch_in_cgroup(executable.string, arguments, environment, given, given.count, lists))
            }
        }
        return LaunchedProcess(pid: pid)
    }

    /// Starts it in a session of its own as the root of a user namespace, who is nobody on this host and may do nothing
    /// there but use its network.
    ///
    /// - Parameters:
    ///   - isolated: without even the host's network.
    ///   - record: writes down that the process is there, before it does anything; when this process ends meanwhile, or
    ///     `record` throws, the other never begins.
    public func start(
        inUserNamespace namespace: borrowing OwnedDescriptor, isolated: Bool,
        record: (LaunchedProcess) throws -> Void
    ) throws -> LaunchedProcess {
        var gate: Int32 = -1
        let pid = try withArguments { arguments, environment, given throws(Errno) in
            try check(
                csys_launch_in_user_namespace(
                    executable.string, arguments, environment, given, given.count, namespace.number,
                    isolated ? 1 : 0, &gate))
        }
        let process = LaunchedProcess(pid: pid)
        let word = OwnedDescriptor(adopting: gate)
        do {
            try record(process)
        } catch {
            _ = consume word
            _ = process.wait()
            throw error
        }
        var byte: UInt8 = 1
        write(word.number, &byte, 1)
        return process
    }

    private func withArguments(
        _ body: (
            UnsafePointer<UnsafeMutablePointer<CChar>?>, UnsafePointer<UnsafeMutablePointer<CChar>?>, [csys_descriptor]
        ) throws(Errno) -> Int32
    ) throws(Failure) -> Int32 {
        try attempt("start", executable.string) { () throws(Errno) in
            let null = OwnedDescriptor(adopting: try check(csys_open("/dev/null", O_RDWR, 0)))
            var given = descriptors.map { csys_descriptor(source: $0.source, target: $0.target) }
            for number in Int32(0)...2 where !descriptors.contains(where: { $0.target == number }) {
                given.append(csys_descriptor(source: null.number, target: number))
            }
            return try withCStrings([executable.string] + arguments) { arguments throws(Errno) in
                try withCStrings(environment) { environment throws(Errno) in
                    try body(arguments, environment, given)
                }
            }
        }
    }
}

/// A program that we started. Letting it go does not end it.
public struct LaunchedProcess: Sendable {
    public let pid: Int32

    init(pid: Int32) { self.pid = pid }

    /// A child that came to us by another way: an orphan of a program that we started.
    public init(adopting process: ProcessIdentity) { pid = process.pid }

    public var identity: ProcessIdentity? { ProcessIdentity(of: pid) }

    /// Waits for its end; `nil` when somebody else has reaped it.
    public func wait() -> ExitStatus? {
        var raw: Int32 = 0
        while true {
            if waitpid(pid, &raw, 0) == pid { return Self.status(raw) }
            if errno != EINTR { return nil }
        }
    }

    /// Its end, when it has come by now.
    public func reap() -> ExitStatus? {
        var raw: Int32 = 0
        return csys_reap(pid, &raw) == 1 ? Self.status(raw) : nil
    }

    static func status(_ raw: Int32) -> ExitStatus {
        let signal = raw & 0x7f
        return signal == 0 ? .exited(raw >> 8 & 0xff) : .signalled(signal)
    }
}

/// A pipe, both ends close-on-exec.
public struct PipeEnds: ~Copyable {
    public let read: OwnedDescriptor
    public let write: OwnedDescriptor

    public init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try check(csys_pipe(&ends, 65536))
        read = OwnedDescriptor(adopting: ends[0])
        write = OwnedDescriptor(adopting: ends[1])
    }

    /// The end to read from; the other is closed.
    public consuming func closingWrite() -> OwnedDescriptor { read }

    /// The end to write to; the other is closed.
    public consuming func closingRead() -> OwnedDescriptor { write }
}

/// A NULL-terminated array of C strings for the time of a call.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws(Errno) -> Result
) throws(Errno) -> Result {
    let copies = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return try body(copies)
}
