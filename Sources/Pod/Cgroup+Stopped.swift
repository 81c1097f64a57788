internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Processes that a signal has stopped (SIGSTOP; Ctrl-Z in a shell), in a frozen cgroup of version 1.
///
/// CRIU attaches to every process of the frozen cgroup and thaws it then. The kernel lets nobody attach to a stopped process
/// before it has made it a traced one, which a frozen process cannot become: CRIU would wait for ever, and the thaw that
/// would let it go on is what it would do next. So these are put where CRIU comes to them last, into a child of the cgroup;
/// when it is there it has attached to all the others, and the cgroup can be thawed for it: not one of them goes on.
/// Version 2's frozen processes can be attached to as they are.
extension Cgroup {
    private static let childName: FilePath.Component = "stopped"

    private var child: FilePath? { freezerOfVersion1?.appending(Self.childName) }

    /// Whether there are any in the frozen cgroup.
    var hasStopped: Bool { processes.contains { Self.isStopped(task: FilePath("/proc/\($0)")) } }

    /// Sets them aside in the frozen cgroup; false where that need not be.
    func setStoppedAside() throws(Failure) -> Bool {
        guard let child else { return false }
        let stopped = processes.filter { Self.hasStoppedThread($0) }
        try attempt("set aside", "stopped processes of the pod") { () throws(Errno) in
            try Files.ensureFolder(child, mode: 0o755)
            for process in stopped { try Files.put("\(process)", into: child.appending("cgroup.procs")) }
        }
        // Those that were moved have to be frozen anew.
        try freeze()
        return true
    }

    /// Puts them back, whether CRIU has attached to them or not.
    func takeStoppedBack() {
        guard let own = freezerOfVersion1, let child, Files.isFolder(child) else { return }
        _ = Wait.until(milliseconds: 1000) {
            let text = (try? Files.text(child.appending("cgroup.procs"))) ?? ""
            for line in text.split(separator: "\n") {
                try? Files.put("\(line)", into: own.appending("cgroup.procs"))
            }
            return rmdir(child.string) == 0 || errno == ENOENT
        }
    }

    /// CRIU sends every process that it found stopped another SIGSTOP when it lets go of it. A stopped process takes no signal:
    /// that one stays pending, and would come in the middle of what the next dump has the process do ("Unexpected … task
    /// interruption"). SIGCONT takes it away, and SIGSTOP the SIGCONT: of a frozen process neither is acted on before the
    /// thaw, when the stop is the only one left. Called while all are frozen.
    func forgetRepeatedStops() {
        for process in processes where Self.hasPendingStop(process) {
            kill(process, SIGCONT)
            kill(process, SIGSTOP)
        }
    }

    /// "ShdPnd:\t0000000000040000": bit n - 1 is signal n.
    private static func hasPendingStop(_ process: Int32) -> Bool {
        let status = (try? Files.text(FilePath("/proc/\(process)/status"))) ?? ""
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("ShdPnd:") }),
            let pending = UInt64(line.dropFirst("ShdPnd:".count).drop { $0 == "\t" }, radix: 16)
        else { return false }
        return pending >> (SIGSTOP - 1) & 1 == 1
    }

    /// Its first thread may be somewhere where no signal stops it (in vfork(2), say), and the others stopped.
    private static func hasStoppedThread(_ process: Int32) -> Bool {
        ProcessThreads.anyWaits(in: "do_signal_stop", of: process)
    }

    /// What a frozen thread was doing: its state is a frozen one's.
    private static func isStopped(task: FilePath) -> Bool {
        (try? Files.text(task.appending("wchan"), limit: 256)) == "do_signal_stop"
    }

    /// Thaws the cgroup for CRIU when that has come to the processes that were set aside.
    final class Thawing: Sendable {
        private let thread = DoneSignal()
        private let end = End()

        /// Not in this object itself, whose last reference may be going while the thread still looks.
        private final class End: Sendable { let isCome = Atomic(false) }

        init(_ cgroup: Cgroup) {
            guard let own = cgroup.freezerOfVersion1, let child = cgroup.child else { return }
            thread.run { [end] in
                while !end.isCome.load(ordering: .relaxed) {
                    // CRIU goes by threads, in the order of their numbers: the first that it comes to need not be a
                    // process's own, where the numbers began anew between the two.
                    let text = (try? Files.text(child.appending("tasks"))) ?? ""
                    if text.split(separator: "\n").contains(where: {
                        (ProcessThreads.tracer(of: Int32($0) ?? 0) ?? 0) != 0
                    }) {
                        try? Files.put("THAWED", into: own.appending("freezer.state"))
                        return
                    }
                    usleep(500)
                }
            }
        }

        /// It has come to them, or never will.
        func finish() {
            end.isCome.store(true, ordering: .relaxed)
            thread.wait()
        }

        deinit { finish() }
    }
}
