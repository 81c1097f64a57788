internal import FoundationEssentials
internal import LinuxSystem
public import SystemPackage

extension Device {
    /// Every pod, by name.
    public func pods() throws -> [PodStore] {
        try podNames().map { PodStore(device: self, name: $0) }
    }

    /// The pod of that name; throws "no pod named x; there are: a, b".
    public func pod(_ name: String) throws -> PodStore {
        try PodName.validate(name)
        let names = try podNames()
        guard names.contains(name) else {
            let there = names.isEmpty ? "there are none yet" : "there are: \(names.joined(separator: ", "))"
            throw Failure(sentence: "no pod named \(name)", remedy: there)
        }
        let pod = PodStore(device: self, name: name)
        for place in [pod.folder, pod.layersFolder, pod.sessionsFolder] { try requireFolder(place) }
        return pod
    }

    /// A pod that may be on a device that is not there any more, as its host remembers both: only good for taking away
    /// what of it is on this host.
    public static func rememberedPod(_ name: String, onDeviceAt root: FilePath) throws -> PodStore {
        try PodName.validate(name)
        return PodStore(device: Device(root: root, place: root, id: "", image: nil), name: name)
    }

    /// Throws for a link in place of one of the device's own folders: it leads out of the device.
    func requireFolder(_ path: FilePath) throws {
        switch try attempt("open", path.string, { () throws(Errno) in try Files.kind(of: path) }) {
        case .folder: return
        case nil: throw Failure("device \(place)", "\(path.string) is missing")
        default: throw Failure("device \(place)", "\(path.string) is no folder")
        }
    }

    /// Throws for a base that is not there, or is not all of it.
    public func requireBase(_ digest: String) throws {
        let path = basePath(digest)
        let subject = "base \(digest)"
        // It is a file's name, and comes from a device.
        guard digest.utf8.count == 64, digest.utf8.allSatisfy(Self.isHexadecimal) else {
            throw Failure(subject, "is no base's name")
        }
        guard try attempt("open", subject, { () throws(Errno) in try Files.kind(of: path) }) == .file else {
            throw Failure(subject, "is not on the device")
        }
        let size = try baseBytes(digest)
        let needed = try attempt("read", subject) { () throws(Errno) in try Squashfs.bytes(of: path) }
        guard let needed else { throw Failure(subject, "is damaged: it is no squashfs") }
        guard size >= needed else { throw Failure(subject, "is truncated: \(size) of \(needed) bytes") }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Throws when `name` cannot be a new pod's: a check before long work, `createPod` makes it again.
    public func requireFree(podName name: String) throws {
        try PodName.validate(name)
        if try podNames().contains(name) { throw inUse(name) }
    }

    /// Makes a pod without any files of its own yet: it is there whole, or not at all.
    public func createPod(_ configuration: PodConfiguration) throws -> PodStore {
        let name = configuration.name
        try requireFree(podName: name)
        let bytes = try JSONText.encode(configuration)
        let lock = try lock()
        // Under the lock: who removes bases that no pod has holds it too.
        guard try bases().contains(configuration.base) else {
            throw Failure("create", "pod \(name)", "the device has no base \(configuration.base)")
        }
        try removeInterrupted()
        let partial = podsFolder.appending(".\(name).\(UUID().uuidString).partial")
        let pod = PodStore(device: self, name: name)
        do {
            try Files.makeFolder(partial, permissions: .ownerReadWriteExecute)
            for folder in ["layers", "sessions"] {
                try Files.makeFolder(partial.appending(folder), permissions: .ownerReadWriteExecute)
            }
            try Files.write(partial.appending("pod.json"), bytes, permissions: [.ownerReadWrite])
            try Files.syncFolder(partial)
            try Files.moveNew(partial, to: pod.folder)
            try Files.syncFolder(podsFolder)
        } catch {
            try? Files.removeTree(partial)
            throw error == .fileExists ? inUse(name) : Failure("create", "pod \(name)", error)
        }
        _ = consume lock
        return pod
    }

    /// What creations and removals that were cut short left in `pods/`; the caller holds the device's lock.
    func removeInterrupted() throws {
        for name in try attempt("read", "device \(place)", { () throws(Errno) in try Files.list(podsFolder) })
        where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try Files.removeTree(podsFolder.appending(name))
        }
    }

    private func podNames() throws -> [String] {
        let names = try attempt("read", "device \(place)") { () throws(Errno) in try Files.list(podsFolder) }
        // A link would lead out of the device.
        return names.filter { !$0.hasPrefix(".") && (try? Files.kind(of: podsFolder.appending($0))) == .folder }
    }

    private func inUse(_ name: String) -> Failure {
        Failure(
            "create", "pod \(name)", "the name is in use",
            remedy: "choose another, or remove it with: mediapod rm \(name)")
    }
}
