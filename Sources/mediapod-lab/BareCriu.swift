internal import DeviceStore
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import Session
internal import SoundControl
internal import SoundLab
internal import SystemPackage

/// `criu dump` and `criu restore` of a running pod, without runc and without our engine: what a suspend and a resume
/// would be without it. CRIU is told what our engine tells it, but that it manages the cgroup and locks the network itself,
/// and writes to memory, as it does for us.
struct BareCriu {
    private let program: FilePath
    private let host: LabHost
    private let folder: PodFolder
    private let cgroup: Cgroup
    private let images: FilePath
    private let store: PodStore

    /// How long one dump and one restore of the same pod took, ms.
    struct Times {
        var dump: Double
        /// Of the dump: from the first process that was stopped to the last that went on, as CRIU says itself.
        var frozen: Double
        var restore: Double
    }

    init(pod: String, on host: LabHost, scratch: FilePath) throws {
        program = try Criu.find().program
        self.host = host
        folder = RuntimeFolder(host.runtime).pod(pod)
        cgroup = Cgroup(path: folder.cgroupPath)
        images = scratch.appending("bare-images")
        store = try Device.open(host.device).pod(pod)
        try attempt("make", images.string) { () throws(Errno) in try Files.ensureFolder(images, mode: 0o700) }
    }

    /// Dumps the pod, ends it, and restores it. It is not our engine's any more after that: its processes are ended, and
    /// what is left of it on the host is the engine's to clear away.
    ///
    /// - Parameter whileDumped: shown the images before the restore.
    func measure(whileDumped: (FilePath) throws -> Void = { _ in }) throws -> Times {
        let state = try PodRuntime.readState(folder)
        guard let state, let first = state.initProcess, let supervisor = state.supervisor,
            let freezer = cgroup.freezer
        else {
            throw Failure("bare CRIU", "pod \(folder.name)", "it is not running")
        }
        let mounts = try ExternalMount.all(of: first, folder)
        _ = try attempt("mount", images.string) { () throws(Errno) in
            try retrying { mount("bare", images.string, "tmpfs", 0, "mode=711") }
        }
        defer { umount2(images.string, Int32(MNT_DETACH)) }
        // It would take the pod's end for its own to handle.
        _ = supervisor.signal(SIGSTOP)
        defer {
            _ = cgroup.killAll()
            _ = supervisor.signal(SIGCONT)
        }
        // A socket whose other end is outside cannot be dumped: not by CRIU alone either.
        let broker = BrokerClient(socket: folder.brokerControl)
        _ = try broker.request(.hold)
        try cgroup.freeze()
        _ = try broker.request(.detach)

        let dump = try time(
            ["dump", "--tree", "\(first.pid)", "--leave-running", "--freeze-cgroup", freezer.string]
                + mounts.flatMap { ["--external", $0.whenDumped] }, log: "dump.log")
        let frozen = try frozenTime()
        try whileDumped(images)
        guard cgroup.killAll() else { throw Failure("end", "pod \(folder.name)", "its processes do not end") }
        try mountAnew(state)
        let restore = try time(
            ["restore", "--restore-detached"]
                + mounts.flatMap { ["--external", $0.whenRestored] }, log: "restore.log")
        guard !cgroup.processes.isEmpty else {
            throw Failure("bare CRIU", "pod \(folder.name)", "nothing runs after the restore")
        }
        return Times(dump: dump, frozen: frozen, restore: restore)
    }

    /// What CRIU says of its dump, ms: two magic numbers and a length, 32 bits each, then a `stats_entry` (CRIU's
    /// images/stats.proto), whose times are in µs.
    private func frozenTime() throws -> Double {
        let file = images.appending("stats-dump")
        let image = try attempt("read", file.string) { () throws(Errno) in try Files.read(file, limit: 4096) }
        let (dump, freezingTime, frozenTime) = (1, 1, 2)
        guard image.count > 12, let times = ProtobufFields(image[12...])?.message(dump)?.numbers,
            let freezing = times[freezingTime], let frozen = times[frozenTime]
        else { throw Failure("bare CRIU", file.string, "it says nothing of the dump's time") }
        return Double(freezing + frozen) / 1000
    }

    /// On the host that it moves to, a pod's files have just been mounted, and none of them is in memory.
    private func mountAnew(_ state: RuntimeState) throws {
        try PodFileSystem.unmount(in: folder)
        try PodFileSystem(
            image: store.device.basePath(try store.configuration().base),
            layers: state.layers.map { store.layerFolder($0) }, uidBase: state.uidBase, uidCount: state.uidCount
        ).mount(in: folder)
    }

    /// Runs CRIU with what is common to both and gives its time from start to end, ms.
    private func time(_ arguments: [String], log: String) throws -> Double {
        let common = [
            "--network-lock", "nftables", "--images-dir", images.string, "--log-file", log, "-v4",
            "--tcp-established", "--ext-unix-sk", "--file-locks", "--manage-cgroups=soft", "--empty-ns", "net",
            "--root", folder.root.string,
        ]
        let output = try attempt("open", "/dev/null") { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { Glibc.open("/dev/null", O_RDWR | O_CLOEXEC) })
        }
        let started = MonotonicClock.nanoseconds
        let child = try ChildProcess(
            Command(program.string, arguments + common, name: "criu"), input: output.number, output: output.number,
            error: output.number)
        let status = child.wait()
        let ended = MonotonicClock.nanoseconds
        guard status.isSuccess else {
            let reason = CriuLog.reason(in: images.appending(log)) ?? "\(status)"
            throw Failure("criu \(arguments[0])", "pod \(folder.name)", reason)
        }
        return Double(ended - started) / 1e6
    }
}
