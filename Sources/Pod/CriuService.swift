internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// One CRIU process that takes one request over a socket, as runc drives it (`criu swrk`). What it has to be told of on
/// its way it asks, without a program of ours having to be started for it.
struct CriuService: ~Copyable {
    private let socket: OwnedDescriptor
    private let process: LaunchedProcess

    /// The child's descriptors.
    private static let socketNumber: Int32 = 3
    private static let lockNumber: Int32 = 100

    /// Starts it; it is asked for its version, and waits for its request.
    ///
    /// - Parameters:
    ///   - lock: the pod's. What a killed engine leaves running here is still changing the pod: the lock stays taken until
    ///     it is done.
    ///   - environment: `NAME=value`, all of it.
    ///   - cgroup: where it runs, and what it restores.
    init(
        _ criu: Criu, keeping lock: Int32, environment: [String] = Launch.plainEnvironment, in cgroup: Cgroup? = nil
    ) throws {
        let ends = try attempt("make", "a socket for CRIU") { () throws(Errno) in
            try UnixSocket.pair(kind: .sequentialPacket)
        }
        var launch = Launch(
            criu.program, ["swrk", "\(Self.socketNumber)"], environment: environment)
        launch.give(ends.second.number, as: Self.socketNumber)
        launch.give(lock, as: Self.lockNumber)
        let started = try cgroup.map { try launch.start(inCgroups: $0.lists) } ?? launch.start()
        let end = ends.keepingFirst()
        // One that takes no request gives no answer.
        _ = Self.send(CriuRequest(kind: .version), to: end)
        process = started
        socket = end
    }

    /// Its version, "4.2.1", which it tells before all else.
    func version() throws -> String {
        guard case .version(let version) = try receive(within: Self.attachPatience) else { throw Self.senseless }
        return version
    }

    /// How long CRIU may say nothing, ms. It moves some 600 MB a second; a pod that needs longer than this is stuck.
    static let patience = 600_000

    deinit {
        // One that still waits for something finds the socket closed, and undoes what it did.
        shutdown(socket.number, Int32(SHUT_RDWR))
        _ = process.wait()
    }

    /// How long it may take to attach to every process of a pod, ms. It does not wait for what they do.
    static let attachPatience = 60_000

    /// Where a dump or restore waits for us.
    enum Moment {
        /// CRIU knows what the kernel can do, and is about to look at the pod that it dumps.
        case ready
        /// Every process of a pod that is being dumped is held by CRIU, and nothing of them has been looked at.
        case collected
        /// All is in the images, and what CRIU did to the pod for that not yet undone.
        case dumped
        /// The first process is there with its namespaces, and nothing else of it.
        case namespacesMade(Int32)
        /// All is there, and about to run.
        case restored
    }

    /// Sends the request and waits for CRIU to say that it is done. Gives the first process of a restored pod.
    func perform(_ request: CriuRequest, at moment: (Moment) throws -> Void) throws -> Int32? {
        try begin(request)
        return try finish(at: moment)
    }

    /// Sends the request. CRIU works on it until it first has to ask.
    func begin(_ request: CriuRequest) throws { try send(request) }

    /// Waits until all that is dumped is in the images.
    ///
    /// - Parameter first: how long it may say nothing at first, ms.
    func dump(patience first: Int, at moment: (Moment) throws -> Void) throws {
        _ = try serve(until: "post-dump", patience: first, at: moment)
    }

    /// Waits for CRIU to say that it is done with its request.
    func finish(at moment: (Moment) throws -> Void = { _ in }) throws -> Int32? {
        try serve(until: nil, patience: Self.patience, at: moment)
    }

    /// - Parameter script: after whose notification nothing more is waited for.
    private func serve(until script: String?, patience first: Int, at moment: (Moment) throws -> Void) throws -> Int32?
    {
        var patience = first
        while true {
            switch try receive(within: patience) {
            case .done(let pid): return pid
            case .failed(let reason): throw Criu.Problem(description: reason ?? "CRIU failed and did not say why")
            case .notification(let asking, let pid):
                switch asking {
                case "pre-dump": try moment(.ready)
                case "network-lock":
                    patience = Self.patience
                    try moment(.collected)
                case "post-dump": try moment(.dumped)
                case "setup-namespaces": if let pid { try moment(.namespacesMade(pid)) }
                case "post-restore": try moment(.restored)
                default: break
                }
                try send(CriuRequest(kind: .notify))
                if asking == script { return nil }
            case .version: throw Self.senseless
            }
        }
    }

    private static let senseless = Criu.Problem(
        description: "CRIU's answer makes no sense; is it of another version?")

    /// - Parameter patience: ms.
    private func receive(within patience: Int) throws -> CriuAnswer {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 1)
        defer { buffer.deallocate() }
        while Wait.readable(socket.number, milliseconds: patience) {
            switch PacketSocket.receive(from: socket.number, into: buffer) {
            case .nothing: continue
            case .closed: throw Criu.Problem(description: "CRIU ended without a word")
            case .message(let count, _):
                guard let answer = CriuAnswer(Array(buffer[..<count])[...]) else { throw Self.senseless }
                return answer
            }
        }
        process.identity?.end(with: SIGTERM, patienceMilliseconds: 2000)
        throw Criu.Problem(description: "CRIU said nothing for \(patience / 1000) s")
    }

    private func send(_ request: CriuRequest) throws {
        guard Self.send(request, to: socket) else { throw Criu.Problem(description: "CRIU takes no request") }
    }

    private static func send(_ request: CriuRequest, to socket: borrowing OwnedDescriptor) -> Bool {
        request.bytes.withUnsafeBytes { PacketSocket.send($0, to: socket.number) }
    }
}
