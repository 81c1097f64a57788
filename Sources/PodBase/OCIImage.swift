internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

/// A container image that lies on this host: `docker-archive:FILE[:TAG]`, `oci:FOLDER[:TAG]` or `oci-archive:FILE[:TAG]`.
public struct OCIImage: Sendable, Equatable {
    /// As skopeo(1) takes it.
    let reference: String

    private static let transports = ["docker-archive", "oci", "oci-archive"]

    /// `nil` when it names no such image.
    public init?(_ reference: String) {
        let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.transports.contains(String(parts[0])), !parts[1].isEmpty else { return nil }
        self.reference = reference
    }

    /// Bytes that it takes where it lies; 0 when it is not there.
    var fileBytes: UInt64 {
        // The tag may be left out, and a path may have colons in it.
        let path = String(reference.split(separator: ":", maxSplits: 1)[1])
        let untagged = path.split(separator: ":").dropLast().joined(separator: ":")
        let bytes = [path, untagged].lazy.compactMap { try? Files.treeBytes(FilePath($0)).allocated }.first
        return min(bytes ?? 0, 1 << 40)
    }

    /// What of an image's configuration counts for every program of a pod.
    struct Configuration: Decodable {
        struct Process: Decodable {
            var environment: [String]?

            enum CodingKeys: String, CodingKey { case environment = "Env" }
        }

        var config: Process?
    }

    /// Unpacks it: all its layers, with what the higher ones remove of the lower ones' taken away. Gives the variables that
    /// its programs expect.
    func unpack(into tree: FilePath, staging: BaseStaging, progress: @escaping BaseBuilder.Progress) throws -> [String]
    {
        try Command.require(["skopeo", "umoci"], to: "make a base of a container image")
        let layout = staging.folder.appending("image")
        let bundle = staging.folder.appending("bundle")
        let tag = "base"
        defer {
            try? Files.removeTree(layout)
            try? Files.removeTree(bundle)
        }
        progress("reading the image")
        // A file of this host's: there is nobody whose signature could be asked for.
        try run(
            staging, progress,
            Command(
                "skopeo", ["--insecure-policy", "copy", "--quiet", reference, "oci:\(layout):\(tag)"],
                environment: BaseEnvironment.current.variables))
        progress("unpacking the image")
        try run(
            staging, progress,
            Command(
                "umoci", ["--log=error", "unpack", "--image", "\(layout):\(tag)", bundle.string],
                environment: BaseEnvironment.current.variables))
        try attempt("move", bundle.string) { () throws(Errno) in
            try Files.move(bundle.appending("rootfs"), to: tree)
        }
        let inspected = try Pipeline.output(
            of: Command(
                "skopeo", ["--insecure-policy", "inspect", "--config", "oci:\(layout):\(tag)"],
                environment: BaseEnvironment.current.variables))
        let variables = try? JSONText.decode(Configuration.self, from: inspected).config?.environment
        return (variables ?? []).filter { $0.contains("=") && !$0.hasPrefix("=") }
    }

    private func run(_ staging: BaseStaging, _ progress: @escaping BaseBuilder.Progress, _ command: Command) throws {
        var pipeline = Pipeline([command])
        pipeline.keeping = staging.lockDescriptor
        do {
            try pipeline.run(tick: { progress(nil) })
        } catch let failure as Failure {
            if failure.description.contains("no space left on device") { throw staging.device.full }
            throw Failure("the image \(reference)", failure.reason, remedy: "check the name, and the file")
        }
    }
}
