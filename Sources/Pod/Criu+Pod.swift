internal import Glibc
public import LinuxSystem
public import SystemPackage

/// Dump and restore of a pod. CRIU is driven by itself, not through runc: of the namespaces, mounts and cgroups that runc
/// would look after, CRIU makes the namespaces and mounts anyway, and runc's part cost a third of a restore.
extension Criu {
    /// Why it failed, as far as CRIU said so to us; its log says more.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    /// Where CRIU reads or writes its images, and writes its log.
    public struct Folders: Sendable {
        public var images: FilePath
        public var work: FilePath

        public init(images: FilePath, work: FilePath) {
            self.images = images
            self.work = work
        }
    }

    /// Dumps the frozen pod, the log into `dump.log`. Its processes stay frozen.
    ///
    /// - Parameter lock: the pod's, held until CRIU is done whatever becomes of this process.
    public func dump(
        _ folder: PodFolder, initProcess: ProcessIdentity, to folders: Folders, keeping lock: Int32
    ) throws {
        let service = try CriuService(self, keeping: lock)
        let images = try Self.open(folders.images)
        let work = try Self.open(folders.work)
        var options = Self.options(folder, images, work, log: "dump.log")
        options.number(UInt64(initProcess.pid), Option.pid)
        options.flag(true, Option.leaveRunning)
        if let freezer = Cgroup(path: folder.cgroupPath).freezer { options.text(freezer.string, Option.freezeCgroup) }
        for mount in try ExternalMount.all(of: initProcess, folder) { options.text(mount.whenDumped, Option.external) }
        _ = try service.perform(CriuRequest(kind: .dump, options: options))
    }

    /// A restore that has begun: CRIU has been started, and waits.
    public struct Restore: ~Copyable {
        private let folder: PodFolder
        private let service: CriuService

        /// - Parameter lock: the pod's, held until CRIU is done whatever becomes of this process.
        public init(of folder: PodFolder, by criu: Criu, keeping lock: Int32) throws {
            let service = try CriuService(criu, keeping: lock)
            try Cgroup(path: folder.cgroupPath).create()
            self.folder = folder
            self.service = service
        }

        /// Restores the pod, the log into `restore.log`; its first process becomes this process's child, its programs
        /// run. CRIU is waited for when this value goes.
        ///
        /// - Parameter network: where the pod's interface leads; `nil` for a pod that has none.
        public func perform(from folders: Folders, network: UserNetwork.Reach?) throws -> ProcessIdentity {
            let images = try Criu.open(folders.images)
            let work = try Criu.open(folders.work)
            var options = Criu.options(folder, images, work, log: "restore.log")
            options.flag(true, Option.restoreAsSibling)
            var cgroupRoot = ProtobufWriter()
            cgroupRoot.text(folder.cgroupPath, 2)
            options.message(cgroupRoot, Option.cgroupRoot)
            for mount in ExternalMount.all(on: folder) { options.text(mount.whenRestored, Option.external) }
            var way: UserNetwork.Start?
            let pid = try service.perform(CriuRequest(kind: .restore, options: options)) { moment throws in
                switch moment {
                case .namespacesMade(let pid):
                    // The network's is empty, CRIU was told to leave it so; sockets are bound in it next.
                    guard let network else {
                        return try attempt("prepare", "the pod's network") { () throws(Errno) in
                            try NetworkNamespace.prepare(of: pid)
                        }
                    }
                    way = try UserNetwork.start(for: pid, in: folder, reaching: network)
                case .restored:
                    // Connections are about to be let go, and tell their peers so: somebody has to hear it.
                    try way?.wait()
                }
            }
            guard let pid, let identity = ProcessIdentity(of: pid) else {
                throw Problem(description: "the pod's first process ended at once")
            }
            return identity
        }
    }

    private static func open(_ folder: FilePath) throws -> OwnedDescriptor {
        try attempt("open", folder.string) { () throws(Errno) in
            OwnedDescriptor(
                adopting: try retrying { Glibc.open(folder.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        }
    }

    /// What both have in common. CRIU opens the folders through the descriptors that this process has of them.
    private static func options(
        _ folder: PodFolder, _ images: borrowing OwnedDescriptor, _ work: borrowing OwnedDescriptor, log: String
    ) -> ProtobufWriter {
        var options = ProtobufWriter()
        options.number(UInt64(images.number), Option.imagesFolder)
        options.number(UInt64(work.number), Option.workFolder)
        options.text(log, Option.logFile)
        options.number(4, Option.logLevel)
        options.text(folder.root.string, Option.root)
        options.flag(true, Option.tcpEstablished)
        options.flag(true, Option.externalUnixSockets)
        options.flag(true, Option.fileLocks)
        options.flag(true, Option.notify)
        options.number(CgroupMode.soft, Option.cgroupMode)
        options.number(Self.newNetwork, Option.emptyNamespaces)
        // The packets of a frozen pod's connections must not move while its sockets are dumped one after the other; the
        // default wants an iptables program.
        options.number(NetworkLock.nftables, Option.networkLock)
        return options
    }

    /// Field numbers of `criu_opts` in CRIU's images/rpc.proto.
    private enum Option {
        static let imagesFolder = 1
        static let pid = 2
        static let leaveRunning = 3
        static let externalUnixSockets = 4
        static let tcpEstablished = 5
        static let fileLocks = 8
        static let logLevel = 9
        static let logFile = 10
        static let notify = 12
        static let root = 13
        static let workFolder = 17
        static let cgroupRoot = 25
        static let restoreAsSibling = 26
        static let cgroupMode = 34
        static let external = 37
        static let emptyNamespaces = 38
        static let freezeCgroup = 44
        static let networkLock = 64
    }

    /// CLONE_NEWNET, which Swift does not see.
    private static let newNetwork: UInt64 = 0x4000_0000
    private enum CgroupMode { static let soft: UInt64 = 3 }
    private enum NetworkLock { static let nftables: UInt64 = 2 }
}
