internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// Takes away everything that a pod has on this host. Works from the facts, whatever half of it there is, and may be
/// repeated.
enum Teardown {
    /// The processes, the mounts, the cgroups and the runtime folder but for the lock and `state.json`; the pod's owner
    /// on the device.
    ///
    /// - Parameters:
    ///   - supervisor: false when the caller is the supervisor.
    ///   - connections: what becomes of those to the outside.
    static func run(
        _ pod: borrowing PodRuntime, supervisor: Bool = true, connections: UserNetwork.Connections = .reset
    ) throws {
        let folder = pod.folder
        let cgroup = Cgroup(path: folder.cgroupPath)
        if let state = pod.state {
            if supervisor, let process = state.supervisor, process != .current {
                process.end(with: SIGKILL, patienceMilliseconds: 5000)
            }
            if let broker = state.broker, broker.isAlive { Broker.end(broker, in: folder) }
        }
        // Before the programs die, and the kernel ends their connections as if they had meant to.
        if connections == .reset { UserNetwork.end(in: folder, .reset) }
        guard cgroup.killAll() else {
            throw Failure("end", "pod \(folder.name)", "a process of it cannot be killed; it hangs in the kernel")
        }
        _ = pod.state?.initProcess?.waitForEnd(milliseconds: 5000)
        UserNetwork.end(in: folder, .finished)
        try Runc(folder: folder).delete(keeping: pod.lock.descriptor)
        cgroup.remove()
        try unmount(folder)
        try removeFiles(folder)
        if let owner = try? pod.store.owner(), owner.runtime == folder.runtime.path.string {
            try? pod.store.clearOwner()
        }
    }

    /// Also with nothing of it in `state.json`: the mount table counts.
    private static func unmount(_ folder: PodFolder) throws {
        for memory in [folder.images, folder.blocks] {
            do throws(Mounts.Problem) { try Mounts.detach(memory) } catch {
                throw Failure("unmount", memory.string, "\(error)", cause: error.error)
            }
        }
        try PodFileSystem.unmount(in: folder)
    }

    /// After a moment's mount of the files of a pod that does not run.
    static func forgetMounts(_ pod: inout PodRuntime) throws {
        try PodFileSystem.unmount(in: pod.folder)
        try removeFiles(pod.folder)
    }

    private static func removeFiles(_ folder: PodFolder) throws {
        let kept: Set = [folder.lock.lastComponent?.string, folder.state.lastComponent?.string]
        for name in (try? Files.list(folder.path)) ?? [] where !kept.contains(name) {
            let path = folder.path.appending(name)
            // Nearly all are files or empty folders; what is not goes by rm, which costs a program.
            if unlink(path.string) == 0 || rmdir(path.string) == 0 { continue }
            try Files.removeTree(path)
        }
    }
}
