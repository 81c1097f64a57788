internal import CLinux
internal import DeviceStore
internal import Glibc
public import LinuxSystem
internal import Pod
public import SystemPackage

/// The files of a pod, whether it runs, is suspended, or neither. Names in it are the pod's and cannot lead out of it.
public struct PodFiles: ~Copyable {
    private let root: RootedFolder
    private let podName: String
    private let owner: UInt32
    /// Of layers that must stay as they are meanwhile.
    private let lock: FileLock?

    fileprivate init(root: consuming RootedFolder, podName: String, owner: UInt32, lock: consuming FileLock?) {
        self.root = root
        self.lock = lock
        self.podName = podName
        self.owner = owner
    }

    /// Opens an ordinary file to read: a FIFO or a device of the pod's would hold up or surprise who opens it.
    public func openForReading(_ path: FilePath) throws -> OwnedDescriptor {
        let subject = "\(podName):\(path.string)"
        let file = try attempt("read", subject) { () throws(Errno) in
            try root.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        }
        try Self.requireRegular(file, subject)
        return file
    }

    /// Copies `source` to `path`, or into it when it is a folder; there whole or not at all. It is the pod's root's then.
    public func write(_ source: borrowing OwnedDescriptor, named name: String, to path: FilePath) throws {
        var status = stat()
        try attempt("read", name) { () throws(Errno) in _ = try retrying { fstat(source.number, &status) } }
        let folder: OwnedDescriptor
        var target = name
        if let existing = try? root.open(path, flags: O_RDONLY | O_DIRECTORY) {
            folder = existing
        } else {
            guard let last = path.lastComponent else {
                throw Failure("write", "\(podName):\(path.string)", "is no file's name")
            }
            target = last.string
            folder = try attempt("write", "\(podName):\(path.string)") { () throws(Errno) in
                try root.open(path.removingLastComponent(), flags: O_RDONLY | O_DIRECTORY)
            }
        }
        try Self.write(
            source, mode: status.st_mode & 0o777, owner: owner, into: folder, as: target, "\(podName):\(path.string)")
    }

    private static func write(
        _ source: borrowing OwnedDescriptor, mode: mode_t, owner: UInt32, into folder: borrowing OwnedDescriptor,
        as name: String, _ subject: String
    ) throws {
        let temporary = ".\(name.prefix(100)).\(getpid()).new"
        do throws(Errno) {
            // In the pod's own tmpfs nothing can be this host's root's, not even at first.
            let file = OwnedDescriptor(adopting: try check(csys_make_file_as(owner, folder.number, temporary)))
            try Self.copy(source, to: file)
            try retrying { fchmod(file.number, mode) }
            try check(csys_rename_as(owner, folder.number, temporary, name))
        } catch {
            unlinkat(folder.number, temporary, 0)
            throw Failure("write", subject, error)
        }
    }

    /// Copies what is left of an open file.
    public static func copy(_ source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor) throws(Errno) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try Files.read(source, into: buffer)
            if count == 0 { return }
            try Files.writeAll(target, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Throws when it is a folder, a FIFO, a socket or a device.
    public static func requireRegular(_ file: borrowing OwnedDescriptor, _ subject: String) throws {
        var status = stat()
        try attempt("read", subject) { () throws(Errno) in _ = try retrying { fstat(file.number, &status) } }
        if status.st_mode & S_IFMT == S_IFDIR { throw Failure("read", subject, "it is a folder") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure("read", subject, "it is no ordinary file") }
    }
}

extension Session {
    /// The pod's files: those of the running pod; else those of its suspended session, to read only; else those that the
    /// next run begins with.
    public func files(writing: Bool) throws -> PodFiles {
        var pod = try PodRuntime.open(store, in: runtime, to: writing ? "write into" : "read from")
        let configuration = try store.configuration()
        func open(_ path: FilePath, _ lock: consuming FileLock?) throws -> PodFiles {
            let root = try attempt("open", "the files of pod \(store.name)") { () throws(Errno) in
                try RootedFolder(path)
            }
            return PodFiles(root: root, podName: store.name, owner: configuration.uidBase, lock: lock)
        }
        if let state = pod.state, state.phase == .running, let process = state.initProcess {
            let files = try open(FilePath("/proc/\(process.pid)/root"), nil)
            guard process.isAlive else { throw Failure("open", "the files of pod \(store.name)", "it has just ended") }
            return files
        }
        try store.requireUnowned(besides: runtime.path)
        let session = try store.currentSession()
        if writing, session != nil {
            throw Failure(
                "write into", "pod \(store.name)",
                "it is suspended, and its files belong to the moment of its programs",
                remedy: "resume it first with: mediapod resume \(store.name)")
        }
        let lock = try store.lockForReading()
        let layers = try layersAtRest(writing: writing, session: session?.layers)
        try store.requireLayers(layers)
        let files = PodFileSystem(
            image: store.device.basePath(configuration.base), layers: layers.map { store.layerFolder($0) },
            uidBase: configuration.uidBase, uidCount: configuration.uidCount)
        try files.mount(in: pod.folder, writable: writing)
        // An open folder holds its mount: nothing is left to clean up, whenever this program ends.
        defer { try? Teardown.forgetMounts(&pod) }
        return try open(pod.folder.root, lock)
    }

    private func layersAtRest(writing: Bool, session: [Int]?) throws -> [Int] {
        var layers = try store.presentLayers(of: session ?? store.fileStack())
        // A layer that a session was suspended with is sealed for ever.
        if writing, try !store.isTopLayerOpen() {
            layers.append(try store.newLayer(on: layers))
            try store.setFileStack(layers)
        }
        return layers
    }
}
