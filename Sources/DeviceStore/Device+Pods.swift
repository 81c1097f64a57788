internal import FoundationEssentials
internal import LinuxSystem
internal import SystemPackage

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
        return PodStore(device: self, name: name)
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
        guard Files.isRegularFile(basePath(configuration.base)) else {
            throw Failure("create", "pod \(name)", "the device has no base \(configuration.base)")
        }
        let bytes = try JSONText.encode(configuration)
        let lock = try lock()
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
        for name in try attempt("read", "device \(root.string)", { () throws(Errno) in try Files.list(podsFolder) })
        where name.hasPrefix(".") && name.hasSuffix(".partial") {
            try Files.removeTree(podsFolder.appending(name))
        }
    }

    private func podNames() throws -> [String] {
        let names = try attempt("read", "device \(root.string)") { () throws(Errno) in try Files.list(podsFolder) }
        return names.filter { !$0.hasPrefix(".") && Files.isFolder(podsFolder.appending($0)) }
    }

    private func inUse(_ name: String) -> Failure {
        Failure(
            "create", "pod \(name)", "the name is in use",
            remedy: "choose another, or remove it with: mediapod rm \(name)")
    }
}
