public import SystemPackage

/// What a host is to the engine: all its state, and nothing of it elsewhere on the host.
///
///     devices.json     devices that this host knows
///     runc/            runc's own state
///     pods/<name>/     see PodFolder
public struct RuntimeFolder: Sendable, Hashable {
    public let path: FilePath

    public init(_ path: FilePath) { self.path = path }

    public var runc: FilePath { path.appending("runc") }
    public var pods: FilePath { path.appending("pods") }

    public func pod(_ name: String) -> PodFolder { PodFolder(runtime: self, name: name) }
}

/// One pod's part of the runtime folder.
public struct PodFolder: Sendable, Hashable {
    public let runtime: RuntimeFolder
    public let name: String

    /// 0711: the pod's root, an ordinary user here, must be able to search it.
    public var path: FilePath { runtime.pods.appending(name) }
    /// Whoever changes the pod's state on this host holds it.
    public var lock: FilePath { path.appending("lock") }
    /// RuntimeState, replaced by rename.
    public var state: FilePath { path.appending("state.json") }
    /// 0170, of the pod's root and the desktop user's group: other users of the host may not enter.
    public var host: FilePath { path.appending("host") }
    /// Bind-mounted in the pod at /run/mediapod.
    public var guest: FilePath { host.appending("guest") }
    /// Where the pod's programs reach the broker.
    public var guestSound: FilePath { guest.appending("sound") }
    public var brokerControl: FilePath { host.appending("broker") }
    public var brokerLog: FilePath { host.appending("broker.log") }
    /// What was said to the broker since the pod was started or resumed.
    public var brokerMemory: FilePath { host.appending("broker-memory.json") }
    public var soundRecords: FilePath { host.appending("sound.json") }
    public var supervisorLog: FilePath { path.appending("supervisor.log") }
    /// The process at the other end of the pod's network interface, a ProcessIdentity.
    public var networkProcess: FilePath { path.appending("network.json") }
    public var networkLog: FilePath { path.appending("network.log") }
    public var runcLog: FilePath { path.appending("runc.log") }
    /// OCI bundle.
    public var bundle: FilePath { path.appending("bundle") }
    /// The squashfs, idmapped.
    public var base: FilePath { path.appending("base") }
    /// The overlay: the pod's root file system.
    public var root: FilePath { path.appending("root") }
    /// A tmpfs of its own, mounted only while suspending and resuming.
    public var images: FilePath { path.appending("images") }
    /// Another one, mounted while a resumed session runs: what its next suspend compares with.
    public var blocks: FilePath { path.appending("blocks") }
    /// One file for each program that is attached to the pod's init.
    public var attached: FilePath { path.appending("attached") }

    /// The pod's cgroup below the roots of the hierarchies.
    public var cgroupPath: String { "/mediapod/\(containerID)" }

    /// runc's name of the pod, and its cgroup's: two runtimes of one machine must not meet in a cgroup.
    public var containerID: String {
        // FNV-1a: short, and the same in every process.
        var hash: UInt32 = 2_166_136_261
        for byte in runtime.path.string.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let digits = String(hash, radix: 16)
        return name + "-" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
