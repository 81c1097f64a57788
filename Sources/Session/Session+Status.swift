internal import DeviceStore
internal import LinuxSystem
public import Pod
internal import SystemPackage

/// What this host has of a pod.
public struct RuntimeStatus: Codable, Sendable {
    /// `running`, `suspending`, `resuming`, `starting`, `stopped`.
    public var phase: String
    public var isFrozen: Bool
    public var initPID: Int32?
    public var supervisorPID: Int32?
    public var brokerPID: Int32?
    public var sound: String
    /// Where the pod's interface leads: `outside`, `nowhere`; `none` when it has none.
    public var network: String
    public var networkPID: Int32?
    /// Bytes of memory that it uses, the page cache included.
    public var memoryBytes: UInt64?
    /// Of a stopped pod.
    public var exitCode: Int32?

    enum CodingKeys: String, CodingKey {
        case isFrozen = "frozen"
        case initPID = "init_pid"
        case supervisorPID = "supervisor_pid"
        case brokerPID = "broker_pid"
        case networkPID = "network_pid"
        case memoryBytes = "memory_bytes"
        case exitCode = "exit_code"
        case phase, sound, network
    }
}

extension Session {
    /// `nil` when this host has nothing of the pod. Puts right first what a killed engine left, if nobody is at it.
    public func status() throws -> RuntimeStatus? {
        try repairIfIdle()
        guard let state = try PodRuntime.readState(runtime.pod(store.name)) else { return nil }
        let cgroup = Cgroup(path: "/mediapod/\(runtime.pod(store.name).containerID)")
        func pid(_ process: ProcessIdentity?) -> Int32? { process.flatMap { $0.isAlive ? $0.pid : nil } }
        return RuntimeStatus(
            phase: state.phase.rawValue, isFrozen: cgroup.isFrozen, initPID: pid(state.initProcess),
            supervisorPID: pid(state.supervisor), brokerPID: pid(state.broker), sound: state.sound.specification,
            network: state.network?.rawValue ?? "none",
            networkPID: pid(UserNetwork.process(in: runtime.pod(store.name))), memoryBytes: cgroup.memoryBytes,
            exitCode: state.exitCode)
    }

    /// The processes of the running pod, as the host sees them; `nil` when it does not run here.
    public func processes() throws -> [PodProcess]? {
        try repairIfIdle()
        let folder = runtime.pod(store.name)
        guard let state = try PodRuntime.readState(folder), state.phase != .stopped else { return nil }
        return PodProcess.list(
            in: Cgroup(path: folder.cgroupPath), uidBase: state.uidBase, uidCount: state.uidCount)
    }

    /// For commands that only look: who is at work on the pod is not waited for.
    private func repairIfIdle() throws {
        let folder = runtime.pod(store.name)
        guard Files.isFolder(folder.path) else { return }
        let lock: FileLock?
        do throws(Errno) {
            lock = try FileLock.take(folder.lock, withinMilliseconds: 0)
        } catch {
            if error == .noSuchFileOrDirectory { return }
            throw Failure("lock", "pod \(store.name)", error)
        }
        guard let lock else { return }
        // Somebody is at work on the device: not now.
        _ = try? PodRuntime.adopting(
            lock, folder, store, to: "look after", repairing: true, needsDevice: false, patience: 0)
    }

    /// Removes the pod with its files and its session; throws when it runs, here or elsewhere.
    public func remove() throws {
        let subject = "pod \(store.name)"
        var pod = try PodRuntime.open(store, in: runtime, to: "remove")
        if let state = pod.state, state.phase != .stopped {
            throw Failure("remove", subject, "it is running", remedy: "stop it first with: mediapod stop \(store.name)")
        }
        do {
            try store.requireUnowned(besides: runtime.path)
        } catch let failure as Failure {
            throw failure.during("remove", subject)
        }
        try store.remove()
        if pod.state != nil { try pod.forget() }
        ImageFolder(folder: pod.folder).removeKeptLogs()
    }
}
