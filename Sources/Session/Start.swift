internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// What starting a pod and resuming one have in common.
struct Start: ~Copyable {
    /// With what was started so far; in `state.json` too.
    private(set) var state: RuntimeState
    private let configuration: PodConfiguration
    private var supervisor: SupervisorProcess?
    /// Where the pod reaches the broker.
    private let socket: OwnedDescriptor
    private var broker: Broker.Start?

    /// Claims the pod for this host and starts its supervisor, which waits.
    ///
    /// - Parameter layers: lowest first, the last to be written to.
    init(
        _ pod: inout PodRuntime, phase: RuntimeState.Phase, layers: [Int], newLayer: Int?, sound: SoundChoice,
        network: UserNetwork.Reach?
    ) throws {
        let configuration = try pod.store.configuration()
        var state = RuntimeState(
            phase: phase, bootID: RuntimeState.currentBootID, device: pod.store.device.place.string,
            uidBase: configuration.uidBase, uidCount: configuration.uidCount, layers: layers, newLayer: newLayer,
            sound: sound, soundPolicy: configuration.soundPolicy, network: network)
        try pod.save(state)
        let socket = try BrokerSocket.make(in: pod.folder, for: sound, uidBase: configuration.uidBase)
        let supervisor = try SupervisorProcess(for: pod, to: phase == .resuming ? .restore : .run, holding: socket)
        state.supervisor = supervisor.process
        // From here on another runtime is told that the pod is taken.
        try pod.store.setOwner(
            try PodOwner(runtime: pod.folder.runtime.path, initPID: supervisor.process.pid, layer: layers.last))
        try pod.save(state)
        self.state = state
        self.configuration = configuration
        self.supervisor = consume supervisor
        self.socket = consume socket
        broker = nil
    }

    mutating func startBroker(_ pod: inout PodRuntime, records: SoundRecords?) throws {
        var state = self.state
        let start = try Broker.start(state, in: pod.folder, at: socket, records: records) { process in
            state.broker = process
            try pod.save(state)
        }
        self.state = state
        broker = consume start
    }

    /// Throws the broker's reason when there is no sound.
    func waitForBroker() throws {
        try broker?.wait()
    }

    /// Mounts the files and writes the bundle.
    func prepare(_ pod: borrowing PodRuntime, fresh: Bool) throws {
        let files = PodFileSystem(
            image: pod.store.device.basePath(configuration.base),
            layers: state.layers.map { pod.store.layerFolder($0) },
            uidBase: state.uidBase, uidCount: state.uidCount)
        if fresh { try files.clearVolatileFolders() }
        try files.mount(in: pod.folder)
        // CRIU runs through the mount points, and the program's own folder does not matter to it.
        let hook = [Executable.path.string, "_network"] + (state.network == nil ? [] : ["interface"])
        try PodSpec(
            hostname: configuration.hostname, uidBase: state.uidBase, uidCount: state.uidCount,
            environment: configuration.programEnvironment, networkHook: hook
        ).write(to: pod.folder)
    }

    /// Of the CRIU that is to restore the pod.
    func criuVersion() throws -> String {
        guard let version = try supervisor?.criuVersion() else {
            preconditionFailure("the supervisor starts with this value")
        }
        return version
    }

    /// Has the supervisor start or restore the pod's processes.
    mutating func perform(_ pod: inout PodRuntime) throws {
        guard let process = try supervisor?.perform() else {
            preconditionFailure("the supervisor starts with this value")
        }
        state.initProcess = process
        try pod.save(state)
        try pod.store.setOwner(
            try PodOwner(runtime: pod.folder.runtime.path, initPID: process.pid, layer: state.layers.last))
    }

    /// What the session came through, the full session that the next one may be compared with, and the CPUs that its
    /// programs were started on.
    mutating func note(filters: [String], full: FullSessionState?, origins: [ProgramOrigin]) {
        state.filters = filters
        state.fullSession = full
        state.origins = origins
    }

    /// It runs.
    mutating func finish(_ pod: inout PodRuntime) throws {
        state.phase = .running
        state.newLayer = nil
        try pod.save(state)
    }

    /// Takes away whatever was started, of a pod whose start failed.
    static func undo(_ pod: inout PodRuntime) {
        guard let state = pod.state else { return }
        do {
            try Teardown.run(pod)
            if let layer = state.newLayer { try pod.store.removeUnusedLayer(layer) }
            try pod.forget()
        } catch {
            // The next command tries again: the state still says `starting`.
        }
    }
}
