internal import CLinux
internal import Glibc
internal import SystemPackage

/// A process, and not another one that was given its number later.
public struct ProcessIdentity: Codable, Hashable, Sendable {
    public var pid: Int32
    /// Clock ticks from the boot to the process's start (`/proc/PID/stat`, field 22).
    public var startTime: UInt64

    public init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// The process that has this number now; `nil` when there is none, or only a zombie.
    public init?(of pid: Int32) {
        guard pid > 0, let status = ProcessStatus(pid: pid), !status.isDead else { return nil }
        self.init(pid: pid, startTime: status.startTime)
    }

    public static var current: ProcessIdentity {
        guard let identity = ProcessIdentity(of: getpid()) else {
            preconditionFailure("/proc is not mounted, or does not show this process")
        }
        return identity
    }

    /// Whether it still runs. A zombie does not.
    public var isAlive: Bool { ProcessIdentity(of: pid) == self }

    /// A descriptor that polls readable when the process has ended; `nil` when it is gone.
    public func open() -> OwnedDescriptor? {
        let number = csys_pidfd_open(pid)
        guard number >= 0 else { return nil }
        let descriptor = OwnedDescriptor(adopting: number)
        // Looked at again: the number may have been given away between.
        guard isAlive else { return nil }
        return consume descriptor
    }

    /// Sends a signal; false when the process is gone.
    @discardableResult
    public func signal(_ number: Int32) -> Bool {
        guard let descriptor = open() else { return false }
        return csys_pidfd_send_signal(descriptor.number, number) >= 0
    }

    /// A copy of one of its descriptors; `nil` when it is gone or has none of that number. pidfd_getfd(2).
    public func copyOfDescriptor(_ number: Int32) -> OwnedDescriptor? {
        guard let descriptor = open() else { return nil }
        let copy = csys_pidfd_getfd(descriptor.number, number)
        return copy < 0 ? nil : OwnedDescriptor(adopting: copy)
    }

    /// Waits until the process has ended; false when it has not within the time.
    public func waitForEnd(milliseconds: Int) -> Bool {
        guard let descriptor = open() else { return true }
        return Wait.readable(descriptor.number, milliseconds: milliseconds)
    }

    /// Ends it: `signal`, and SIGKILL when that was not enough within the time.
    public func end(with signal: Int32, patienceMilliseconds: Int) {
        guard self.signal(signal) else { return }
        if waitForEnd(milliseconds: patienceMilliseconds) { return }
        self.signal(SIGKILL)
        _ = waitForEnd(milliseconds: 5000)
    }
}

/// `/proc/PID/stat`, as far as anyone here needs it.
public struct ProcessStatus: Sendable {
    public var command: String
    public var state: Character
    public var parent: Int32
    public var startTime: UInt64
    /// User and system time, in clock ticks.
    public var cpuTicks: UInt64
    /// Pages.
    public var residentPages: UInt64

    /// Address of the bottom of the stack; 0 to those who may not trace the process.
    public var stackStart: UInt64

    /// Of a zombie: how it ended. As wait(2) has it; 0 to those who may not trace the process.
    public var waitStatus: Int32

    public var exitStatus: ExitStatus? { isDead ? LaunchedProcess.status(waitStatus) : nil }

    public var isDead: Bool { state == "Z" || state == "X" }

    public init?(pid: Int32) {
        guard let text = try? Files.read(FilePath("/proc/\(pid)/stat"), limit: 4096) else { return nil }
        self.init(line: String(decoding: text, as: UTF8.self))
    }

    /// The command stands in parentheses and may itself contain some, and blanks: the last one counts.
    package init?(line: String) {
        guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close else { return nil }
        command = String(line[line.index(after: open)..<close])
        let fields = line[line.index(after: close)...].split { $0 == " " || $0 == "\n" }
        guard fields.count > 21, let state = fields[0].first, let parent = Int32(fields[1]),
            let user = UInt64(fields[11]), let system = UInt64(fields[12]), let start = UInt64(fields[19]),
            let resident = UInt64(fields[21])
        else { return nil }
        self.state = state
        self.parent = parent
        startTime = start
        cpuTicks = user &+ system
        residentPages = resident
        stackStart = fields.count > 25 ? UInt64(fields[25]) ?? 0 : 0
        waitStatus = fields.count > 49 ? Int32(fields[49]) ?? 0 : 0
    }
}
