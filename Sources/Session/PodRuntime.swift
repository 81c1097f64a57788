internal import FoundationEssentials
internal import Glibc
public import DeviceStore
public import LinuxSystem
public import Pod
internal import SystemPackage

/// One pod on this host, with the lock on it: nobody else changes what is here as long as this value lives.
public struct PodRuntime: ~Copyable {
    public let folder: PodFolder
    public let store: PodStore
    public let lock: FileLock
    /// The pod's on the device, where other hosts see it; `nil` on a device that is gone, or that nobody can write to.
    private let deviceLock: FileLock?
    /// As written in `state.json`; `nil` for a pod of which this host has nothing.
    public private(set) var state: RuntimeState?

    /// How long a command waits for another one to be done with the pod, ms.
    public static let patience = 15_000

    /// Takes the lock, and brings what a killed engine left behind in order.
    ///
    /// - Parameters:
    ///   - verb: what is being done, for those who wait.
    ///   - needsDevice: false for what has to be done also when the device is gone.
    public static func open(
        _ store: PodStore, in runtime: RuntimeFolder, to verb: String, needsDevice: Bool = true
    ) throws -> PodRuntime {
        let folder = runtime.pod(store.name)
        try requireReachable(runtime.path, made: true)
        try attempt("make", "runtime folder \(runtime.path.string)") { () throws(Errno) in
            try Files.ensureFolder(runtime.runc, mode: 0o700)
            try Files.ensureFolder(runtime.pods, mode: 0o711)
        }
        let lock: FileLock? = try attempt("lock", "pod \(store.name)") { () throws(Errno) in
            let deadline = MonotonicClock.nanoseconds &+ UInt64(patience) &* 1_000_000
            while true {
                try Files.ensureFolder(folder.path, mode: 0o711)
                do throws(Errno) {
                    return try FileLock.take(folder.lock, withinMilliseconds: patience)
                } catch .noSuchFileOrDirectory where MonotonicClock.nanoseconds < deadline {
                    // Between the two somebody was done with the pod and removed its folder.
                    continue
                }
            }
        }
        guard let lock else {
            let holder = (try? Files.text(folder.lock)) ?? ""
            throw Failure(
                verb, "pod \(store.name)", "another mediapod is at work on it" + (holder.isEmpty ? "" : " (\(holder))"),
                remedy: "try again when it is done")
        }
        lock.note("\(verb), process \(getpid())")
        return try adopting(lock, folder, store, to: verb, repairing: true, needsDevice: needsDevice)
    }

    /// With a lock that is held already.
    ///
    /// - Parameter patience: how long to wait for who is at work on the device, ms.
    static func adopting(
        _ lock: consuming FileLock, _ folder: PodFolder, _ store: PodStore, to verb: String, repairing: Bool,
        needsDevice: Bool = true, patience: Int = patience
    ) throws -> PodRuntime {
        var pod = PodRuntime(
            folder: folder, store: store, lock: lock,
            deviceLock: try lockDevice(store, folder, verb, needsDevice, patience), state: try readState(folder))
        if repairing { try Repair.run(&pod) }
        return pod
    }

    private static func lockDevice(
        _ store: PodStore, _ folder: PodFolder, _ verb: String, _ isNeeded: Bool, _ patience: Int
    ) throws -> FileLock? {
        do {
            return try store.lock(to: verb, runtime: folder.runtime.path, withinMilliseconds: patience)
        } catch let failure as Failure where !isNeeded && failure.cause != nil {
            // Not that somebody has it, but that the device cannot be asked.
            return nil
        }
    }

    private init(
        folder: PodFolder, store: PodStore, lock: consuming FileLock, deviceLock: consuming FileLock?,
        state: RuntimeState?
    ) {
        self.folder = folder
        self.store = store
        self.lock = lock
        self.deviceLock = deviceLock
        self.state = state
    }

    deinit {
        // Of a pod that this host has nothing of nothing shall be left: another one's lock is on another file then.
        if state == nil {
            unlink(folder.lock.string)
            rmdir(folder.path.string)
        }
    }

    /// Reads the state without the lock: as it was a moment ago.
    public static func readState(_ folder: PodFolder) throws -> RuntimeState? {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(folder.state, limit: 1 << 20)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw Failure("read", folder.state.string, error)
        }
        guard let state = try? JSONText.decode(RuntimeState.self, from: bytes) else {
            throw Failure(
                "pod \(folder.name)", "\(folder.state.string) is of another version or damaged",
                remedy: "end the pod with the mediapod that started it, or remove that file")
        }
        return state
    }

    public mutating func save(_ new: RuntimeState) throws {
        let bytes = try JSONText.encode(new)
        try attempt("write", folder.state.string) { () throws(Errno) in
            try Files.swap(folder.state, with: bytes, mode: 0o600)
        }
        state = new
    }

    /// The state is gone, its file with it.
    mutating func forget() throws {
        try attempt("remove", folder.state.string) { () throws(Errno) in try Files.remove(folder.state) }
        state = nil
    }

    /// The state of a pod that runs; throws "pod x is not running".
    public func requireRunning(_ verb: String) throws -> RuntimeState {
        if let state, state.phase == .running { return state }
        try store.requireUnowned(besides: folder.runtime.path)
        let suspended = try? store.currentSessionNumber()
        throw Failure(
            verb, "pod \(store.name)", "it is not running",
            remedy: suspended == nil ? "start it with: mediapod run" : "resume it with: mediapod resume \(store.name)")
    }

    /// The pod's root, an ordinary user of this host, has to get to its files.
    private static func requireReachable(_ path: FilePath, made: Bool) throws {
        try attempt("make", "runtime folder \(path.string)") { () throws(Errno) in
            try Files.makeFolders(path, permissions: .init(rawValue: 0o755))
        }
        var ancestor = path
        while !ancestor.isEmpty, ancestor.lastComponent != nil {
            var status = stat()
            if stat(ancestor.string, &status) == 0, status.st_mode & 0o001 == 0 {
                throw Failure(
                    "runtime folder \(path.string)", "users without rights cannot get through \(ancestor.string)",
                    remedy: "choose another with MEDIAPOD_RUNTIME, or allow it with: chmod o+x \(ancestor.string)")
            }
            ancestor.removeLastComponent()
        }
    }
}
