internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A pod's cgroup, in whichever hierarchies this host has: all of version 1's controllers, version 2, or both.
public struct Cgroup: Sendable {
    /// The cgroup's folder in each mounted hierarchy, by controller; version 2's under "".
    private let folders: [String: FilePath]

    /// - Parameter path: below the hierarchies' roots, `/mediapod/NAME`.
    public init(path: String) {
        self.init(path: path, mounts: (try? Files.text("/proc/self/mountinfo")) ?? "")
    }

    /// The first mount of a hierarchy counts: a CRIU that dumps another pod at this moment mounts it again for an instant
    /// (`.criu.cgmounts.…`), and what is found there is gone at once.
    package init(path: String, mounts: String) {
        var folders: [String: FilePath] = [:]
        // "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS"
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields.count > 5 else { continue }
            let place = FilePath(String(fields[4])).appending(String(path.drop { $0 == "/" }))
            switch fields[dash + 1] {
            case "cgroup2": folders[""] = folders[""] ?? place
            case "cgroup":
                for name in fields[dash + 3].split(separator: ",").map(String.init) {
                    folders[name] = folders[name] ?? place
                }
            default: break
            }
        }
        self.folders = folders
    }

    /// How many processes and threads a pod may have.
    static let processLimit: Int64 = 32768

    /// Makes it, in every hierarchy, for a pod that is to be restored. The devices that a pod can open need no list of
    /// their own: none of its mounts but the host's few in /dev may have any.
    func create() throws(Failure) {
        for (controller, folder) in folders {
            do throws(Errno) {
                for step in [folder.removingLastComponent(), folder] {
                    // Delegated one level at a time; where the kernel has no such controller it is not counted.
                    if controller.isEmpty {
                        let control = step.removingLastComponent().appending("cgroup.subtree_control")
                        try? Files.put("+pids", into: control)
                    }
                    try Files.ensureFolder(step, mode: 0o755)
                    if controller == "cpuset" { try Self.inheritProcessors(step) }
                }
                let limit = folder.appending("pids.max")
                if Files.isRegularFile(limit) { try Files.put("\(Self.processLimit)", into: limit) }
            } catch {
                throw Failure("make", "cgroup \(folder.string)", error)
            }
        }
    }

    /// Version 1's cpuset begins with no processors and no memory, and takes no process then.
    private static func inheritProcessors(_ folder: FilePath) throws(Errno) {
        for name in ["cpuset.cpus", "cpuset.mems"] {
            let file = folder.appending(name)
            guard try Files.text(file).allSatisfy(\.isWhitespace) else { continue }
            try Files.put(try Files.text(folder.removingLastComponent().appending(name)), into: file)
        }
    }

    /// Every process in it, by the host's ids. Version 2's list and every version 1's are the same processes.
    public var processes: [Int32] {
        let folder = folders["freezer"] ?? folders["pids"] ?? folders[""]
        guard let folder, let text = try? Files.text(folder.appending("cgroup.procs")) else { return [] }
        return text.split(separator: "\n").compactMap { Int32($0) }
    }

    /// Where a process joins it, in each hierarchy.
    var lists: [FilePath] { Set(folders.values).map { $0.appending("cgroup.procs") } }

    /// The folder through which the pod is frozen; what CRIU is to be told of, or it would wait for a frozen process.
    public var freezer: FilePath? { folders["freezer"] ?? folders[""] }

    var freezerOfVersion1: FilePath? { folders["freezer"] }

    /// How long the kernel may take to stop every process; one in an uninterruptible sleep holds it up.
    private static let patienceMilliseconds = 10_000

    /// Stops every process where it is. Throws, and lets them run again, when one does not stop in time.
    public func freeze() throws(Failure) {
        do throws(Errno) {
            if try set(frozen: true) { return }
        } catch {
            throw Failure("freeze", "the pod", error)
        }
        try? thaw()
        throw Failure("freeze", "the pod", "a process did not stop within \(Self.patienceMilliseconds / 1000) s")
    }

    public func thaw() throws(Failure) {
        takeStoppedBack()
        do throws(Errno) {
            _ = try set(frozen: false)
        } catch {
            // What is not there any more does not have to be woken.
            if error != .noSuchFileOrDirectory { throw Failure("thaw", "the pod", error) }
        }
    }

    public var isFrozen: Bool {
        if let v1 = folders["freezer"] {
            return ((try? Files.text(v1.appending("freezer.state"))) ?? "").hasPrefix("FR")
        }
        guard let v2 = folders[""] else { return false }
        return ((try? Files.text(v2.appending("cgroup.freeze"))) ?? "").hasPrefix("1")
    }

    private func set(frozen: Bool) throws(Errno) -> Bool {
        if let v1 = folders["freezer"] {
            let state = frozen ? "FROZEN" : "THAWED"
            let file = v1.appending("freezer.state")
            try Files.put(state, into: file)
            return Wait.until(milliseconds: Self.patienceMilliseconds) {
                if ((try? Files.text(file)) ?? state).hasPrefix(state) { return true }
                // Version 1 tries again only when it is told to: a process that forked meanwhile may have slipped through.
                try? Files.put(state, into: file)
                return false
            }
        }
        guard let v2 = folders[""] else { throw .noSuchFileOrDirectory }
        try Files.put(frozen ? "1" : "0", into: v2.appending("cgroup.freeze"))
        let wanted = "frozen \(frozen ? 1 : 0)"
        return Wait.until(milliseconds: Self.patienceMilliseconds) {
            ((try? Files.text(v2.appending("cgroup.events"))) ?? wanted).contains(wanted)
        }
    }

    /// Ends every process in it, and waits until none is left. Each is dead before any of them can run again: what a
    /// frozen process does next it must not do.
    public func killAll() -> Bool {
        takeStoppedBack()
        // Nothing forks while all are frozen. If they are not, the loop runs until a round finds nobody.
        try? freeze()
        return Wait.until(milliseconds: Self.patienceMilliseconds) {
            let left = processes
            for pid in left { kill(pid, SIGKILL) }
            try? thaw()
            return left.isEmpty
        }
    }

    /// Removes the cgroup and its children, without processes, from every hierarchy.
    public func remove() {
        for folder in Set(folders.values) where Files.isFolder(folder) {
            _ = Wait.until(milliseconds: 2000) { Self.remove(folder) }
            // Ours, and shared: goes with its last pod.
            rmdir(folder.removingLastComponent().string)
        }
    }

    private static func remove(_ folder: FilePath) -> Bool {
        for name in (try? Files.list(folder)) ?? [] where Files.isFolder(folder.appending(name)) {
            _ = remove(folder.appending(name))
        }
        return rmdir(folder.string) == 0 || errno == ENOENT
    }

    public var exists: Bool { folders.values.contains { Files.isFolder($0) } }

    /// Bytes of memory that the pod uses, the page cache included; `nil` where nobody counts.
    public var memoryBytes: UInt64? {
        let file = folders["memory"]?.appending("memory.usage_in_bytes") ?? folders[""]?.appending("memory.current")
        guard let file, let text = try? Files.text(file) else { return nil }
        return UInt64(text.filter(\.isNumber))
    }
}

extension ProgramStart {
    /// Those of all processes of a pod.
    public static func all(in cgroup: Cgroup) -> Set<ProgramStart> {
        Set(cgroup.processes.compactMap { ProgramStart(of: $0) })
    }
}
