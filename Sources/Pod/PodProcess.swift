internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A process of a pod, told from outside: nothing here is the pod's own word but the command line.
public struct PodProcess: Codable, Sendable {
    /// On the host.
    public var hostPID: Int32
    /// In the pod.
    public var pid: Int32
    public var parent: Int32
    /// In the pod; `nil` for an id that the pod does not have.
    public var uid: UInt32?
    /// The kernel's letter: R, S, D, T, Z …
    public var state: String
    public var residentBytes: UInt64
    public var cpuSeconds: Double
    /// Made printable, and cut.
    public var command: String

    enum CodingKeys: String, CodingKey {
        case hostPID = "host_pid"
        case residentBytes = "resident_bytes"
        case cpuSeconds = "cpu_seconds"
        case pid, parent, uid, state, command
    }

    /// Every process in the pod's cgroup, by its id in the pod.
    public static func list(in cgroup: Cgroup, uidBase: UInt32, uidCount: UInt32) -> [PodProcess] {
        let found = cgroup.processes.compactMap { Self(hostPID: $0, uidBase: uidBase, uidCount: uidCount) }
        // The parents' ids are the host's so far.
        let inner = Dictionary(found.map { ($0.hostPID, $0.pid) }) { first, _ in first }
        return found.map { process in
            var process = process
            process.parent = inner[process.parent] ?? 0
            return process
        }.sorted { $0.pid < $1.pid }
    }

    private init?(hostPID: Int32, uidBase: UInt32, uidCount: UInt32) {
        guard let status = ProcessStatus(pid: hostPID),
            let text = try? Files.text(FilePath("/proc/\(hostPID)/status"), limit: 65536)
        else { return nil }
        func field(_ name: String) -> [Substring]? {
            text.split(separator: "\n").first { $0.hasPrefix(name) }?.dropFirst(name.count)
                .split { $0 == "\t" || $0 == " " }
        }
        // "NSpid: HOST ... POD": the innermost namespace stands last. One that is in no other than the host's is CRIU, which
        // has just restored the pod.
        guard let ids = field("NSpid:"), ids.count > 1, let inner = ids.last, let pid = Int32(inner) else { return nil }
        self.hostPID = hostPID
        self.pid = pid
        parent = status.parent
        let hostUID = field("Uid:")?.first.flatMap { UInt32($0) }
        uid = hostUID.flatMap { $0 >= uidBase && $0 - uidBase < uidCount ? $0 - uidBase : nil }
        state = String(status.state)
        residentBytes = status.residentPages &* UInt64(getpagesize())
        cpuSeconds = Double(status.cpuTicks) / Double(sysconf(Int32(_SC_CLK_TCK)))
        command = Self.commandLine(of: hostPID) ?? "[\(Failure.oneLine(status.command))]"
    }

    private static func commandLine(of pid: Int32) -> String? {
        // The kernel gives as much as the process has, which may be megabytes.
        guard let file = try? Files.openForReading(FilePath("/proc/\(pid)/cmdline")) else { return nil }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 1)
        defer { buffer.deallocate() }
        guard let count = try? Files.read(file, into: buffer), count > 0 else { return nil }
        let words = buffer[..<count].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return Failure.oneLine(words.joined(separator: " "))
    }
}
