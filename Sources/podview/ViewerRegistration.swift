internal import FoundationEssentials
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// Which viewers show a pod: one file each, named after the process, in the pod's runtime folder. What the pod's own memory
/// says of its viewers is the pod's to change, and nobody is to be ended because of it.
struct ViewerRegistration {
    private let file: FilePath

    /// Of this process.
    init(folder: PodFolder) throws {
        let process = ProcessIdentity.current
        file = Self.folder(folder).appending("\(process.pid)-\(process.startTime)")
        try attempt("register with", "pod \(folder.name)") { [file] () throws(Errno) in
            try Files.ensureFolder(Self.folder(folder), mode: 0o700)
            try Files.swap(file, with: [], mode: 0o600)
        }
    }

    func remove() { try? Files.remove(file) }

    /// All that run; what a killed one left is removed.
    static func running(_ folder: PodFolder) -> [ProcessIdentity] {
        ((try? Files.list(Self.folder(folder))) ?? []).compactMap { name in
            let parts = name.split(separator: "-")
            guard parts.count == 2, let pid = Int32(parts[0]), let start = UInt64(parts[1]) else { return nil }
            let process = ProcessIdentity(pid: pid, startTime: start)
            if process.isAlive { return process }
            try? Files.remove(Self.folder(folder).appending(name))
            return nil
        }.sorted { $0.startTime < $1.startTime }
    }

    private static func folder(_ folder: PodFolder) -> FilePath { folder.path.appending("viewers") }
}
