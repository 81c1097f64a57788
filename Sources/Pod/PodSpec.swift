internal import Glibc
internal import LinuxSystem
internal import PodInitABI
internal import SystemPackage

/// What a pod is to the kernel, told to runc.
public struct PodSpec: Sendable {
    public var hostname: String
    public var uidBase: UInt32
    public var uidCount: UInt32
    /// `NAME=value`, for every program of the pod.
    public var environment: [String]
    /// The program that brings the loopback up when the pod's network namespace has been made, and its arguments.
    public var networkHook: [String]

    public init(
        hostname: String, uidBase: UInt32, uidCount: UInt32, environment: [String], networkHook: [String]
    ) {
        self.hostname = hostname
        self.uidBase = uidBase
        self.uidCount = uidCount
        self.environment = environment
        self.networkHook = networkHook
    }

    /// Where pod-init lies in the pod.
    public static let initProgram = "/usr/lib/mediapod/pod-init"

    /// Where the host's end of the pod's sockets is found in the pod.
    static let guestPlace = "/run/mediapod"

    /// Files only: a masked folder is a tmpfs, which CRIU would dump and restore with a tar each. What the folders of
    /// /proc hold is kept from an unprivileged user by its modes.
    static let maskedPaths = ["/proc/kcore", "/proc/keys", "/proc/timer_list"]

    public static let searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Writes the bundle's `config.json`.
    public func write(to folder: PodFolder) throws {
        let bytes = try JSONText.encode(runtimeSpec(folder))
        try attempt("write", "\(folder.bundle.string)/config.json") { () throws(Errno) in
            try Files.ensureFolder(folder.bundle, mode: 0o700)
            try Files.swap(folder.bundle.appending("config.json"), with: bytes, mode: 0o600)
        }
    }

    package func runtimeSpec(_ folder: PodFolder) -> RuntimeSpec {
        let mapping = [RuntimeSpec.IDMapping(containerID: 0, hostID: uidBase, size: uidCount)]
        return RuntimeSpec(
            hostname: hostname,
            root: .init(path: folder.root.string),
            process: .init(
                args: [Self.initProgram],
                env: [Self.searchPath] + environment,
                capabilities: .init(
                    bounding: Self.capabilities, effective: Self.capabilities, permitted: Self.capabilities),
                rlimits: [Self.openFiles],
                // A desktop has sudo, su and ping; what they become is the pod's root, who is nobody outside.
                noNewPrivileges: false),
            mounts: Self.mounts(guest: folder.guest),
            hooks: .init(createRuntime: [.init(path: networkHook[0], args: networkHook, timeout: 30)]),
            linux: .init(
                // The network namespace has to be the pod's user namespace's own, or CRIU can neither dump it
                // ("doesn't belong to the target user namespace") nor restore established connections in it. So runc
                // and CRIU make it, each anew, and the hook finishes it.
                namespaces: ["pid", "mount", "ipc", "uts", "network", "cgroup", "user"].map { .init(type: $0) },
                uidMappings: mapping, gidMappings: mapping,
                cgroupsPath: folder.cgroupPath,
                maskedPaths: Self.maskedPaths,
                readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger"],
                seccomp: .pod,
                resources: .init(devices: [.init(allow: false, access: "rwm")], pids: .init(limit: Cgroup.processLimit))
            ))
    }

    /// What every host will grant: nobody in a user namespace can raise a limit again, not even to restore it.
    private static var openFiles: RuntimeSpec.ResourceLimit {
        var own = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &own)
        let hard = min(UInt64(own.rlim_max), 4096)
        return .init(type: "RLIMIT_NOFILE", soft: min(hard, 1024), hard: hard)
    }

    /// As few as will do, each costs at every dump and restore; a tmpfs most (10 to 15 ms: CRIU runs tar).
    ///
    /// One tmpfs, /dev, with /dev/shm as a folder in it. /run and /tmp are the writable layer's, emptied at each fresh
    /// start. /sys is an empty folder: what is in it belongs to the host.
    private static func mounts(guest: FilePath) -> [RuntimeSpec.Mount] {
        [
            .init(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
            .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755"]),
            .init(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            .init(
                destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
            .init(
                destination: guestPlace, type: "bind", source: guest.string,
                options: ["bind", "nosuid", "nodev", "noexec"]),
        ]
    }

    /// What root in a pod may do, over the pod's own processes, files and network. Docker's set without MKNOD (there are
    /// no device nodes to make in a user namespace), and with NICE for sound and NET_ADMIN for the pod's own network.
    private static let capabilities = [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_ADMIN",
        "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
        "CAP_SYS_CHROOT", "CAP_SYS_NICE",
    ]
}
