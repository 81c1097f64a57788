internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// The programs of this host that are connected to a pod's init (`mediapod run`, `exec`): a connection across the pod's
/// edge cannot be dumped, so they have to let go.
///
/// Each leaves a file named after itself (PID-STARTTIME) before it connects, under the pod's lock. SIGUSR1 asks it to
/// let go; it removes its file when it has. What does not is killed: the pod's programs lose nothing by it, their output
/// is in the pod's logs.
struct AttachedPrograms {
    let folder: PodFolder

    /// The caller lets go when it is asked to. Its signals are read, not delivered, by now.
    func register() throws(Failure) {
        try attempt("register with", "pod \(folder.name)") { () throws(Errno) in
            try Files.ensureFolder(folder.attached, mode: 0o700)
            try Files.swap(file(of: .current), with: [], mode: 0o600)
        }
    }

    func unregister() {
        try? Files.remove(file(of: .current))
    }

    /// How long one may take to give its terminal back, ms.
    private static let patience = 2000

    /// Has everyone let go; none is connected any more when this returns.
    func release() {
        let all = registered()
        for process in all { process.signal(SIGUSR1) }
        for process in all {
            let file = file(of: process)
            let isGone = Wait.until(milliseconds: Self.patience) {
                (try? Files.kind(of: file)) == Files.Kind?.none || !process.isAlive
            }
            if !isGone { process.end(with: SIGKILL, patienceMilliseconds: 0) }
            try? Files.remove(file)
        }
    }

    private func registered() -> [ProcessIdentity] {
        ((try? Files.list(folder.attached)) ?? []).compactMap { name in
            let parts = name.split(separator: "-")
            guard parts.count == 2, let pid = Int32(parts[0]), let start = UInt64(parts[1]) else { return nil }
            return ProcessIdentity(pid: pid, startTime: start)
        }
    }

    private func file(of process: ProcessIdentity) -> FilePath {
        folder.attached.appending("\(process.pid)-\(process.startTime)")
    }
}
