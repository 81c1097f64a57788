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

    /// A pod that is dumped: frozen, or about to be.
    public struct DumpedPod: Sendable {
        public var folder: PodFolder
        public var initProcess: ProcessIdentity
        public var uidBase: UInt32
        public var uidCount: UInt32
        /// Whether what CRIU cannot dump is left out where a kernel may lose it too: TCP connections that a server in the
        /// pod has not accepted yet, who made one finds it reset; and unread news of interfaces (`NetlinkNews`).
        public var leavesOutWhatMayBeLost = false

        public init(_ folder: PodFolder, initProcess: ProcessIdentity, uidBase: UInt32, uidCount: UInt32) {
            self.folder = folder
            self.initProcess = initProcess
            self.uidBase = uidBase
            self.uidCount = uidCount
        }

        var cgroup: Cgroup { Cgroup(path: folder.cgroupPath) }
        var processes: [PodProcess] { PodProcess.list(in: cgroup, uidBase: uidBase, uidCount: uidCount) }
    }

    /// A pod has become, while it still ran, what CRIU was not told of. It passes when the pod stands still first.
    public struct Outdated: Error, Sendable {}

    /// A dump that has begun: CRIU has been started and told what to do, and finds out what the kernel can do, which takes
    /// it a third of the time that it needs for a small pod. The pod runs on meanwhile.
    public struct Dump: ~Copyable {
        private let criu: Criu
        private let pod: DumpedPod
        private let folders: Folders
        private let service: CriuService
        /// What CRIU was told of the pod; `nil` when something was in the way, which may be gone when the pod stands still.
        private let told: Told?
        // CRIU opens the folders through the descriptors that this process has of them.
        private let images: OwnedDescriptor
        private let work: OwnedDescriptor

        /// What CRIU has to be told before it begins, and a pod that runs may change.
        private struct Told {
            var hasTimers: Bool
            /// Whether the pod may have a TCP connection.
            var hasConnections: Bool
            var external: [String]

            init(_ pod: DumpedPod) throws {
                hasConnections = NetworkNamespace.hasTCPSockets(pod.initProcess.pid)
                hasTimers = CriuImages.needMendedTimers(pod.cgroup.processes)
                external = try ExternalMount.all(of: pod.initProcess, pod.folder).map(\.whenDumped)
                external += try PosixQueues(of: pod).external
            }

            /// A network that is locked for nothing is locked all the same.
            func holds(_ now: Told) -> Bool {
                hasTimers == now.hasTimers && external == now.external && (hasConnections || !now.hasConnections)
            }
        }

        /// - Parameters:
        ///   - pod: which may still run.
        ///   - lock: the pod's, held until CRIU is done whatever becomes of this process.
        public init(of pod: DumpedPod, by criu: Criu, to folders: Folders, keeping lock: Int32) throws {
            let told = try? Told(pod)
            let images = try Criu.open(folders.images)
            let work = try Criu.open(folders.work)
            let service = try CriuService(
                criu, keeping: lock,
                environment: criu.dumping + (told?.hasTimers == true ? CriuImages.environmentForTimers : []))
            var options = Criu.options(
                pod.folder, images, work, log: "dump.log", locking: told?.hasConnections ?? true)
            options.number(UInt64(pod.initProcess.pid), Option.pid)
            options.flag(true, Option.leaveRunning)
            options.flag(pod.leavesOutWhatMayBeLost, Option.skipInFlight)
            if let freezer = pod.cgroup.freezer { options.text(freezer.string, Option.freezeCgroup) }
            if let terminal = CriuImages.controllingTerminal { options.text(terminal, Option.external) }
            for external in told?.external ?? [] { options.text(external, Option.external) }
            try service.begin(CriuRequest(kind: .dump, options: options))
            (self.criu, self.pod, self.folders, self.told) = (criu, pod, folders, told)
            self.images = images
            self.work = work
            self.service = service
        }

        /// Dumps the pod, the log into `dump.log`. Its processes stay frozen.
        ///
        /// Throws `Outdated` when what CRIU was told no longer holds.
        ///
        /// - Parameter freeze: has every process of the pod stand still; called when CRIU is about to look at them.
        public consuming func perform(freezing freeze: () throws -> Void) throws -> Dumped {
            let cgroup = pod.cgroup
            let version = try service.version()
            var queues: PosixQueues?
            var hasStopped = false
            var thawing: Cgroup.Thawing?
            defer {
                thawing?.finish()
                cgroup.takeStoppedBack()
            }
            var linked: LinkedFiles?
            try service.dump(patience: CriuService.attachPatience) { moment throws in
                switch moment {
                case .ready:
                    try freeze()
                    let now = try Told(pod)
                    guard let told, told.holds(now) else { throw Outdated() }
                    try Obstacle.requireUntraced(cgroup.processes) { pod.processes }
                    let watched = try InodeNames(of: InodeNames.watched(by: cgroup.processes), in: pod.initProcess)
                    if !watched.found.isEmpty {
                        try CriuImages(folders.work).write(watched.cache, InodeNames.cacheName)
                    }
                    if pod.leavesOutWhatMayBeLost { NetlinkNews.drop(unreadBy: cgroup.processes) }
                    queues = try PosixQueues(of: pod)
                    hasStopped = cgroup.hasStopped
                    thawing = try hasStopped && cgroup.setStoppedAside() ? Cgroup.Thawing(cgroup) : nil
                case .collected:
                    thawing?.finish()
                    cgroup.takeStoppedBack()
                case .dumped:
                    linked = try LinkedFiles(in: CriuImages(folders.images), of: pod.initProcess)
                    try linked?.keep()
                case .namespacesMade, .restored: break
                }
            }
            let dumped = Dumped(
                service, version, pod.initProcess, linked, isAsItWas: !hasStopped && queues?.isEmpty == true)
            try CriuImages(folders.images).mend(of: pod, timers: told?.hasTimers == true)
            try queues?.mend(CriuImages(folders.images))
            try queues?.take(folders)
            if dumped.hasNewNames { try dumped.finish() }
            return dumped
        }
    }

    /// A pod that stands still, and whose dump is in the images. CRIU lets go of it now and puts away what it used, which
    /// takes it 10 ms of a hundred processes: nobody has to wait for that but before the images count.
    public final class Dumped: Sendable {
        /// Whether names are left in the pod's files (`LinkedFiles`) that the restore needs: they belong to the session and
        /// have to be on the device with it.
        public let hasNewNames: Bool
        /// Whether the pod may go on without `undoDump`.
        public let isAsItWas: Bool
        /// CRIU's, "4.2.1".
        public let version: String
        private let process: ProcessIdentity
        private let ending: Background<Void>

        private final class Service: Sendable {
            let service: CriuService
            init(_ service: consuming CriuService) { self.service = service }
        }

        fileprivate init(
            _ service: consuming CriuService, _ version: String, _ process: ProcessIdentity, _ linked: LinkedFiles?,
            isAsItWas: Bool
        ) {
            self.version = version
            hasNewNames = linked?.isEmpty == false
            self.isAsItWas = isAsItWas && !hasNewNames
            self.process = process
            let service = Service(service)
            ending = Background {
                _ = try service.service.finish()
                try linked?.putBack()
            }
        }

        /// Waits until the pod's first process would go on, were it not frozen. From then on CRIU leaves the pod's cgroup
        /// alone.
        public func waitUntilLetGo() {
            while !ending.isDone, let tracer = ProcessThreads.tracer(of: process.pid), tracer != 0 { usleep(100) }
        }

        /// Waits until CRIU is done; throws when that came to nothing after all.
        public func finish() throws { try ending.value() }
    }

    /// Undoes what a dump did to a pod that is to live on, as far as it came: names in its files, the messages that were
    /// taken out of its queues, and signals. While its processes still stand still.
    public static func undoDump(in folders: Folders, of initProcess: ProcessIdentity, _ cgroup: Cgroup) {
        cgroup.takeStoppedBack()
        cgroup.forgetRepeatedStops()
        try? LinkedFiles(in: CriuImages(folders.images), of: initProcess).remove()
        try? PosixQueues.giveBack(folders, to: initProcess)
    }

    /// A restore that has begun: CRIU has been started, and waits.
    public struct Restore: ~Copyable {
        private let folder: PodFolder
        private let service: CriuService
        /// CRIU's, "4.2.1".
        public let version: String

        /// - Parameter lock: the pod's, held until CRIU is done whatever becomes of this process.
        public init(of folder: PodFolder, by criu: Criu, keeping lock: Int32) throws {
            let cgroup = Cgroup(path: folder.cgroupPath)
            try cgroup.create()
            let service = try CriuService(criu, keeping: lock, in: cgroup)
            let version = try service.version()
            self.folder = folder
            self.version = version
            self.service = service
        }

        /// Restores the pod, the log into `restore.log`; its first process becomes this process's child, its programs
        /// run. CRIU is waited for when this value goes.
        ///
        /// - Parameters:
        ///   - users: the pod's, on this host.
        ///   - network: where the pod's interface leads; `nil` for a pod that has none.
        public func perform(
            from folders: Folders, users: (base: UInt32, count: UInt32), network: UserNetwork.Reach?
        ) throws -> ProcessIdentity {
            let images = try Criu.open(folders.images)
            let work = try Criu.open(folders.work)
            var options = Criu.options(folder, images, work, log: "restore.log", locking: true)
            options.flag(true, Option.restoreAsSibling)
            for mount in ExternalMount.all(on: folder) { options.text(mount.whenRestored, Option.external) }
            var way: UserNetwork.Start?
            let pid = try service.perform(CriuRequest(kind: .restore, options: options)) { moment throws in
                switch moment {
                case .namespacesMade(let pid):
                    try PosixQueues.make(
                        from: folders.images, in: pid, uidBase: users.base, uidCount: users.count)
                    // The network's is empty, CRIU was told to leave it so; sockets are bound in it next.
                    guard let network else {
                        return try attempt("prepare", "the pod's network") { () throws(Errno) in
                            try NetworkNamespace.prepare(of: pid)
                        }
                    }
                    way = try UserNetwork.start(for: pid, in: folder, reaching: network)
                case .ready, .collected, .dumped: break
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
        _ folder: PodFolder, _ images: borrowing OwnedDescriptor, _ work: borrowing OwnedDescriptor, log: String,
        locking isLocked: Bool
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
        options.flag(true, Option.linkRemap)
        options.number(Self.ghostLimit, Option.ghostLimit)
        options.flag(true, Option.notify)
        options.number(CgroupMode.ignore, Option.cgroupMode)
        options.number(Self.newNetwork, Option.emptyNamespaces)
        // The packets of a frozen pod's connections must not move while its sockets are dumped one after the other. The
        // default wants an iptables program; and where there is no connection, to lock and unlock costs 10 to 15 ms.
        options.number(isLocked ? NetworkLock.nftables : NetworkLock.skip, Option.networkLock)
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
        static let linkRemap = 18
        static let restoreAsSibling = 26
        static let cgroupMode = 34
        static let ghostLimit = 35
        static let external = 37
        static let emptyNamespaces = 38
        static let freezeCgroup = 44
        static let skipInFlight = 46
        static let networkLock = 64
    }

    /// Bytes of a file without a name that are dumped with the memory. A whole video that is deleted while it plays is
    /// dumped, too.
    private static let ghostLimit: UInt64 = 0xffff_ffff

    /// CLONE_NEWNET, which Swift does not see.
    private static let newNetwork: UInt64 = 0x4000_0000
    /// A pod is all in one cgroup, the engine's. CRIU, to look, would mount every hierarchy anew and unmount it again, for
    /// which the kernel waits: 15 ms of a dump, 12 of a restore, of some 60 and 90.
    private enum CgroupMode { static let ignore: UInt64 = 0 }
    private enum NetworkLock {
        static let nftables: UInt64 = 2
        static let skip: UInt64 = 3
    }
}
