internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import Synchronization
public import SystemPackage

/// Pods for tests, from one base that is built once for a checkout and kept in `build/lab`.
public enum LabPods {
    /// What every test's programs come from.
    private static let packages = "mpg123,alsa-utils"

    private struct Listed: Decodable {
        var name: String
        var base: String
    }

    /// The base's digest and file, once for this process. The lock is held while it is built.
    private static let base = Mutex<(digest: String, file: FilePath)?>(nil)

    /// Makes a device at `path` with pods of these names. `host` lends its runtime folder.
    public static func makeDevice(_ path: FilePath, pods: [String], on host: LabHost) throws {
        let base = try base.withLock { cached in
            let found = try cached ?? build(on: host)
            cached = found
            return found
        }
        try host.must(["device", "init", path.string])
        try copy(base.file, to: path.appending("bases"), named: "\(base.digest).squashfs")
        for pod in pods {
            try host.must(["create", pod, "--base", base.digest, "--device", path.string])
        }
    }

    /// Builds the base, unless it is there already and holds the parts of MediaPod as they are now.
    private static func build(on host: LabHost) throws -> (digest: String, file: FilePath) {
        let device = LabBroker.repository.appending("build/lab/device")
        let parts = LabBroker.repository.appending("build/guest")
        let stamp = LabBroker.repository.appending("build/lab/parts")
        let digest = try Pipeline.output(
            of: Command("sh", ["-c", "cd '\(parts.string)' && find . -type f -print0 | sort -z | xargs -0 sha256sum"]))
        let known = (try? Files.read(stamp, limit: 1 << 16)) ?? []
        if known != Array(digest) {
            try? Files.removeTree(device)
            try host.must(["device", "init", device.string])
            try host.must(["create", "base", "--packages", packages, "--device", device.string])
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
