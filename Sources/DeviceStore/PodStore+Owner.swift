public import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// The host, and the runtime on it, that has a pod running: `owner.json`.
public struct PodOwner: Codable, Sendable, Equatable, Document {
    static let currentFormat = 1

    public private(set) var formatVersion: Int
    public var hostname: String
    /// The kernel's own id of this boot; another one means that nothing of the owner runs any more.
    public var bootID: String
    /// The PID namespace that `initPID` counts in, as `/proc/self/ns/pid` names it.
    public var pidNamespace: String
    /// `MEDIAPOD_RUNTIME` of the owner.
    public var runtime: String
    /// The pod's first process on the host, and its start in clock ticks after boot: ids are given out again.
    public var initPID: Int32
    public var initStart: UInt64
    /// The layer that it writes to.
    public var layer: Int?
    public var since: Date

    /// This host's claim on a pod whose first process is `initPID`. Throws when that process has ended.
    public init(runtime: FilePath, initPID: Int32, layer: Int? = nil) throws {
        guard let start = ProcessTable.start(of: initPID) else {
            throw Failure("claim", "the pod", "its process \(initPID) has ended")
        }
        formatVersion = Self.currentFormat
        hostname = ProcessTable.hostname
        bootID = ProcessTable.bootID
        pidNamespace = ProcessTable.pidNamespace
        self.runtime = runtime.string
        self.initPID = initPID
        initStart = start
        self.layer = layer
        since = JSONText.wholeSeconds(Date())
    }

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case bootID = "boot_id"
        case pidNamespace = "pid_namespace"
        case initPID = "init_pid"
        case initStart = "init_start"
        case hostname, runtime, layer, since
    }

    public enum Life: Sendable {
        case running, dead
        /// It is, or was, where this process cannot look.
        case unknown
    }

    /// Whether the pod still runs there.
    ///
    /// - Parameter device: a device on a local file system can only be in one running kernel, which is this one.
    public func life(on device: Device) -> Life {
        guard bootID == ProcessTable.bootID else {
            return FileSystemProbe.isShared(device.root) ? .unknown : .dead
        }
        guard pidNamespace == ProcessTable.pidNamespace else { return .unknown }
        return ProcessTable.start(of: initPID) == initStart ? .running : .dead
    }
}

extension PodStore {
    private var ownerFile: FilePath { folder.appending("owner.json") }

    /// Who claims to have the pod running, alive or not.
    public func owner() throws -> PodOwner? {
        do {
            return try DocumentFile.read(PodOwner.self, ownerFile, name: "pod \(name)")
        } catch let failure as Failure where failure.cause == .noSuchFileOrDirectory {
            return nil
        }
    }

    /// Throws, with who and since when, if another runtime than `runtime` has the pod running, or may have.
    public func requireUnowned(besides runtime: FilePath? = nil) throws {
        guard let owner = try owner() else { return }
        let life = owner.life(on: device)
        if life == .dead || (owner.bootID == ProcessTable.bootID && owner.runtime == runtime?.string) { return }
        let place = "host \(owner.hostname), runtime \(owner.runtime), process \(owner.initPID)"
        let since = owner.since.formatted(.iso8601)
        throw Failure(
            "pod \(name)",
            life == .running ? "runs on \(place), since \(since)" : "may still run on \(place), since \(since)",
            remedy: life == .running
                ? "suspend or stop it there"
                : "suspend it there; if that host is gone, remove \(ownerFile.string)")
    }

    /// Whether it runs, or may: its layers are mounted somewhere.
    public func isOwned() throws -> Bool {
        guard let owner = try owner() else { return false }
        return owner.life(on: device) != .dead
    }

    /// Claims the pod for a host. Throws as `requireUnowned` does.
    public func setOwner(_ owner: PodOwner) throws {
        let lock = try device.lock()
        try requireUnowned(besides: FilePath(owner.runtime))
        try DocumentFile.replace(ownerFile, with: owner, name: "pod \(name)")
        _ = consume lock
    }

    public func clearOwner() throws {
        try attempt("release", "pod \(name)") { () throws(Errno) in
            try Files.remove(ownerFile)
            try Files.syncFolder(folder)
        }
    }
}

/// What tells one process, and one boot of one kernel, from another.
enum ProcessTable {
    static var hostname: String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    static var bootID: String {
        let text = try? Files.read("/proc/sys/kernel/random/boot_id", limit: 64)
        return String(decoding: text ?? [], as: UTF8.self).trimmingSuffix("\n")
    }

    static var pidNamespace: String {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = readlink("/proc/self/ns/pid", &buffer, buffer.count)
        return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    }

    /// Clock ticks from boot to the start of a process; `nil` when there is none, or a zombie.
    static func start(of pid: Int32) -> UInt64? {
        guard let text = try? Files.read(FilePath("/proc/\(pid)/stat"), limit: 4096) else { return nil }
        // The program's name, second, may have spaces and parentheses in it: count from the last one.
        guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: text[(end + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
