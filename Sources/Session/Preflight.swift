public import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// What a host has to have before a session is started or resumed there. Nothing here changes anything.
public enum Preflight {
    /// What any pod needs of this host, and of the device if one is named.
    public static func host(_ device: Device?) -> [CheckFinding] {
        let processor = Processor.current
        return kernel(of: nil) + criu(of: nil, version: try? Criu.find().version()) + runc() + [
            CheckFinding(
                "cpu", .ok,
                "\(processor.name), \(ProcessorLevel(covering: Set(processor.features)).rawValue)")
        ] + network(isWanted: true) + display(version: nil) + (device.map { space($0) } ?? [])
    }

    // MARK: - Kernel

    private static let oldestKernel = (5, 19)

    /// Those in /proc that are made to be mounted on, and hide nothing.
    private static let emptyFolders: Set<FilePath> = ["/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/xen"]

    /// - Parameter session: the one to be resumed.
    static func kernel(of session: SessionManifest?) -> [CheckFinding] {
        let release = Host.kernel
        let version = Self.version(release)
        guard version >= oldestKernel else {
            return [
                CheckFinding(
                    "kernel", .refused,
                    "Linux \(release) cannot lay layers over a base whose users are mapped",
                    remedy: "use Linux \(oldestKernel.0).\(oldestKernel.1) or later")
            ]
        }
        var findings: [CheckFinding] = []
        for type in ["overlay", "squashfs"] where !Mounts.knows(type) {
            findings.append(
                CheckFinding(
                    "kernel", .refused, "Linux \(release) has no \(type)",
                    remedy: "load the kernel module \(type), or use a kernel that has it"))
        }
        if let limit = try? Files.text("/proc/sys/user/max_user_namespaces"), Int(limit.filter(\.isNumber)) == 0 {
            findings.append(
                CheckFinding(
                    "kernel", .refused, "user namespaces are turned off",
                    remedy: "turn them on with: sysctl user.max_user_namespaces=10000"))
        }
        if let place = MountTable.places(below: "/proc").first(where: { !emptyFolders.contains($0) }) {
            findings.append(
                CheckFinding(
                    "kernel", .refused,
                    "something is mounted at \(place), and the kernel lets nobody have a /proc of his own then",
                    remedy: "take it away with: umount \(place)"))
        }
        if Cgroup(path: "/mediapod").freezer == nil {
            findings.append(
                CheckFinding(
                    "kernel", .refused, "no cgroup that freezes processes is mounted",
                    remedy: "mount cgroups of version 2, or version 1's freezer, at /sys/fs/cgroup"))
        }
        if let session, Self.version(session.kernel) > version {
            findings.append(
                CheckFinding(
                    "kernel", .limited,
                    "the session was suspended on Linux \(session.kernel), and this is \(release)",
                    remedy: "programs that found something new there may miss it here"))
        }
        return findings.isEmpty ? [CheckFinding("kernel", .ok, "Linux \(release)")] : findings
    }

    /// "6.18.44-amd64" → (6, 18)
    package static func version(_ text: String) -> (Int, Int) {
        let numbers = text.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
        return (numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
    }

    // MARK: - Programs

    private static let criuRemedy = "install one that can with: make setup"

    /// - Parameters:
    ///   - version: of this host's CRIU, where it was asked.
    ///   - restarts: whether system calls that wait go on waiting after a dump.
    package static func criu(
        of session: SessionManifest?, version: String?, kernel: String = Host.kernel,
        restarts: Bool = Criu.restartsCalls
    ) -> [CheckFinding] {
        do throws(Failure) {
            _ = try Criu.find()
        } catch {
            return [CheckFinding("criu", .refused, "\(error.subject) \(error.reason)", remedy: error.remedy)]
        }
        guard let version else { return [CheckFinding("criu", .refused, "CRIU cannot be run", remedy: criuRemedy)] }
        // Found by trying: from 6.13 the vDSO is laid out, and from 6.16 a socket option is read, in a way that older
        // ones do not know.
        let kernelVersion = Self.version(kernel)
        let needed = kernelVersion >= (6, 16) ? (4, 2) : kernelVersion >= (6, 13) ? (4, 1) : (3, 17)
        if Self.version(version) < needed {
            return [
                CheckFinding(
                    "criu", .refused, "CRIU \(version) does not work on Linux \(kernel)", remedy: criuRemedy)
            ]
        }
        if let session, Self.version(session.criuVersion) > Self.version(version) {
            return [
                CheckFinding(
                    "criu", .refused,
                    "the session was suspended by CRIU \(session.criuVersion), and this host has \(version), which may "
                        + "not know all that is in it", remedy: criuRemedy)
            ]
        }
        guard restarts else {
            return [
                CheckFinding(
                    "criu", .limited,
                    "CRIU \(version) alone has programs that sleep or wait in poll or a futex fail with EINTR after a suspend",
                    remedy: "build what mends that, \(Criu.calls), beside mediapod with: make build")
            ]
        }
        return [CheckFinding("criu", .ok, "CRIU \(version)")]
    }

    static func runc() -> [CheckFinding] {
        do throws(Failure) {
            try Runc.requireInstalled()
            return [CheckFinding("runc", .ok, "installed")]
        } catch {
            return [CheckFinding("runc", .refused, "\(error.subject) \(error.reason)", remedy: error.remedy)]
        }
    }

    /// - Parameter isWanted: false for a pod that has none but its loopback.
    static func network(isWanted: Bool) -> [CheckFinding] {
        guard isWanted else { return [CheckFinding("network", .ok, "the pod has none")] }
        do throws(Failure) {
            try UserNetwork.requireInstalled()
            return [CheckFinding("network", .ok, "slirp4netns")]
        } catch {
            return [
                CheckFinding(
                    "network", .refused,
                    error.action.map { "cannot \($0) \(error.subject): \(error.reason)" }
                        ?? "\(error.subject) \(error.reason)",
                    remedy: error.remedy)
            ]
        }
    }
}
