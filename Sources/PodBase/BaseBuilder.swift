public import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Makes the base file system of pods: a tree from packages or from elsewhere, MediaPod's own parts over it, all of it
/// as one squashfs under its digest.
public struct BaseBuilder {
    /// What is going on, for a person. `nil` means: still the same.
    public typealias Progress = (_ stage: String?) -> Void

    public struct Result: Sendable {
        public var digest: String
        public var bytes: UInt64
        /// `NAME=value`, what the programs of a container image expect.
        public var environment: [String]
        /// The device had the very same already.
        public var isOld: Bool
    }

    let device: Device
    let source: BaseSource
    let guest: GuestParts
    let hasPulse: Bool
    let desktop: Desktop
    let progress: Progress

    /// Builds in the device's own `bases/`. Throws `Failure` ("cannot build the base of pod x: …").
    /// Nothing stays behind when it fails; what a killed one left is removed by the next.
    ///
    /// - Parameters:
    ///   - hasPulse: with a PulseAudio for programs that only speak to one; a tree must have it already.
    ///   - desktop: with this desktop, which starts with the pod; a tree must have its programs already.
    public static func build(
        _ source: BaseSource, on device: Device, pod name: String, hasPulse: Bool = false, desktop: Desktop = .none,
        progress: @escaping Progress
    ) throws -> Result {
        do {
            try source.validate()
            let builder = BaseBuilder(
                device: device, source: source, guest: try GuestParts.locate(), hasPulse: hasPulse, desktop: desktop,
                progress: progress)
            return try builder.build()
        } catch let failure as Failure {
            throw failure.during("build", "the base of pod \(name)")
        } catch let error as Errno {
            throw Failure("build", "the base of pod \(name)", error)
        }
    }

    private func build() throws -> Result {
        try Command.require(["mksquashfs", "tar"], to: "make a base")
        // Where that fails the device may still have room enough.
        try? device.makeRoom(source.room(with: desktop)) { _, _ in progress("making room on the device") }
        let staging = try device.baseStaging()
        let tree = staging.folder.appending("tree")
        var environment: [String] = []
        switch source {
        case .image(let image):
            environment = try image.unpack(into: tree, staging: staging, progress: progress)
        case .packages(let named, let suite):
            let packages = named + desktop.packages + (hasPulse ? PulseFiles.packages : [])
            try Debian(packages: packages, suite: suite).install(into: tree, staging: staging, progress: progress)
        case .tree(let origin):
            progress("copying the tree")
            try run(staging, [Command("cp", ["-a", "--reflink=auto", "-x", "-T", "--", origin.string, tree.string])])
        }
        progress("adding the parts of MediaPod")
        try lay(guest, over: tree, staging)
        try BaseTree(tree).complete()
        var servers = try desktop.server(in: BaseTree(tree))
        if hasPulse {
            try PulseFiles.add(to: BaseTree(tree))
            servers.append(PulseFiles.activation)
        }
        if !servers.isEmpty {
            let about = "# SOCKET USER PROGRAM ARGUMENTS: what pod-init starts when somebody connects, or (-) at once."
            let lines = [about] + servers
            try BaseTree(tree).put(lines.joined(separator: "\n") + "\n", at: "etc/mediapod/servers")
        }

        progress("compressing")
        let image = staging.folder.appending("base.squashfs")
        try run(staging, [squash(tree, into: image)])
        let old = try device.bases()
        let digest = try staging.adopt(image)
        return Result(
            digest: digest, bytes: try device.baseBytes(digest), environment: environment,
            isOld: old.contains(digest))
    }

    /// What was put there by others keeps its folders' modes; ours belongs to root whoever built it.
    private func lay(_ guest: GuestParts, over tree: FilePath, _ staging: BaseStaging) throws {
        let pack = ["--create", "--file=-", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,a+rX,go-w"]
        let unpack = ["--extract", "--file=-", "--no-overwrite-dir", "--preserve-permissions", "--same-owner"]
        try run(
            staging,
            [
                Command("tar", pack + ["--directory=\(guest.folder.string)", "."]),
                Command("tar", unpack + ["--directory=\(tree.string)"]),
            ])
    }

    /// Reproducible: the same files of the same day give the same bytes, so they are stored once. Files that are made
    /// while packages are installed carry the time of it; mksquashfs sets what is later than SOURCE_DATE_EPOCH back
    /// to that, here midnight (UTC) unless the environment says otherwise.
    ///
    /// Level 6 and blocks of 128 KiB: of a music pod's 138 MB it makes 42 in 1.8 s on two processors; level 9 saves 1 %
    /// of that and takes twice as long, blocks of 1 MiB save 10 % and double the time of reading.
    private func squash(_ tree: FilePath, into image: FilePath) -> Command {
        let inherited = BaseEnvironment.current
        let epoch = inherited.sourceDateEpoch ?? String(time(nil) / 86_400 * 86_400)
        let options = [
            "-noappend", "-no-progress", "-quiet", "-no-exports", "-comp", "zstd", "-Xcompression-level", "6", "-b",
            "128K",
            "-wildcards", "-e", "dev/*", "proc/*", "sys/*", "run/*", "tmp/*",
        ]
        return Command(
            "mksquashfs", [tree.string, image.string] + options,
            environment: inherited.variables + ["SOURCE_DATE_EPOCH=\(epoch)"])
    }

    private func run(_ staging: BaseStaging, _ commands: [Command]) throws {
        var pipeline = Pipeline(commands)
        pipeline.keeping = staging.lockDescriptor
        do {
            try pipeline.run(tick: { progress(nil) })
        } catch let failure as Failure {
            throw failure.description.contains("No space left on device") ? device.full : failure
        }
    }
}

extension Device {
    var full: Failure {
        let free = (try? freeBytes()).map { " (\(byteText($0)) free)" } ?? ""
        return Failure(sentence: "the device \(place.string) is full\(free)", remedy: "free some space on it")
    }
}

/// This process's environment, as far as builders get it.
struct BaseEnvironment {
    /// `NAME=value`, without SOURCE_DATE_EPOCH; messages are parsed, so they are to be in English.
    var variables: [String]
    var sourceDateEpoch: String?

    static var current: BaseEnvironment {
        let kept = ["PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy"]
        let variables = kept.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        return BaseEnvironment(
            variables: variables + ["LC_ALL=C.UTF-8"],
            sourceDateEpoch: getenv("SOURCE_DATE_EPOCH").map { String(cString: $0) })
    }
}
