internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import Synchronization
public import SystemPackage

/// Pods for tests, from bases that are built once for a checkout and kept in `build/lab`.
public enum LabPods {
    /// What a pod is made of.
    public enum Kind: String, Sendable {
        case alsa
        /// With a PulseAudio, too.
        case pulse
        /// Desktops.
        case icewm, xfce

        /// What every test's programs come from.
        var options: [String] {
            let packages = ["--packages", "mpg123,alsa-utils"]
            return switch self {
            case .alsa: packages
            case .pulse: packages + ["--pulse"]
            case .icewm, .xfce: ["--desktop", rawValue]
            }
        }
    }

    private struct Listed: Decodable {
        var name: String
        var base: String
    }

    /// A base's digest and file, once for this process. The lock is held while it is built.
    private static let bases = Mutex<[Kind: (digest: String, file: FilePath)]>([:])

    /// Makes a device at `path` with pods of these names. `host` lends its runtime folder.
    public static func makeDevice(_ path: FilePath, pods: [String], kind: Kind = .alsa, on host: LabHost) throws {
        let base = try bases.withLock { cached in
            let found = try cached[kind] ?? build(kind, on: host)
            cached[kind] = found
            return found
        }
        switch kind {
        case .alsa, .pulse:
            try host.must(["device", "init", path.string])
            try copy(base.file, to: path.appending("bases"), named: "\(base.digest).squashfs")
        case .icewm, .xfce:
            // With the pod that was made with it, from which others that have its base get their environment.
            let device = base.file.removingLastComponent().removingLastComponent()
            _ = try Pipeline.output(of: Command("cp", ["-a", "--reflink=auto", device.string, path.string]))
        }
        for pod in pods {
            try host.must(["create", pod, "--base", base.digest, "--device", path.string])
        }
    }

    /// Builds the base, unless it is there already and holds the parts of MediaPod as they are now.
    private static func build(_ kind: Kind, on host: LabHost) throws -> (digest: String, file: FilePath) {
        let lab = LabBroker.repository.appending("build/lab")
        let device = lab.appending("\(kind.rawValue)-device")
        let stamp = lab.appending("\(kind.rawValue)-parts")
        // What is laid over every base, and what lays it there.
        let hash = "find build/guest Sources/PodBase -type f -print0 | sort -z | xargs -0 sha256sum"
        let digest = try Pipeline.output(of: Command("sh", ["-c", "cd '\(LabBroker.repository)' && \(hash)"]))
        let known = (try? Files.read(stamp, limit: 1 << 16)) ?? []
        if known != Array(digest) {
            try? Files.removeTree(device)
            try host.must(["device", "init", device.string])
            try host.must(["create", "base", "--device", device.string] + kind.options)
            try attempt("write", stamp.string) { () throws(Errno) in
                try Files.write(stamp, Array(digest), permissions: .init(rawValue: 0o644))
            }
        }
        let list = try host.must(["list", "--device", device.string, "--format", "json"])
        guard let pod = try JSONDecoder().decode([Listed].self, from: Data(list.output.utf8)).first else {
            throw Failure("the lab's device", "has no pod", remedy: "remove \(device.string)")
        }
        return (pod.base, device.appending("bases/\(pod.base).squashfs"))
    }

    private static func copy(_ file: FilePath, to folder: FilePath, named name: String) throws {
        try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        }
        _ = try Pipeline.output(of: Command("cp", ["--reflink=auto", file.string, folder.appending(name).string]))
    }
}
