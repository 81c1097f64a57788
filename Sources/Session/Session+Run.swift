public import DeviceStore
internal import Glibc
internal import LinuxSystem
public import Pod
internal import SystemPackage

/// The one state machine: created → running → frozen → suspended → running …; each change is a function here.
public struct Session {
    public let store: PodStore
    public let runtime: RuntimeFolder

    public init(store: PodStore, runtime: RuntimeFolder) {
        self.store = store
        self.runtime = runtime
    }

    /// Bytes that a pod should find free, where an image can be made to have them.
    static let roomToWork: UInt64 = 256 << 20

    /// A pod that runs here, though its device cannot be asked for it; `nil` when this host has no pod of that name.
    ///
    /// - Parameter device: the path of the device that is meant, if one was named.
    public static func remembered(_ name: String, in runtime: RuntimeFolder, device: String?) -> Session? {
        guard (try? PodName.validate(name)) != nil, let state = try? PodRuntime.readState(runtime.pod(name)),
            state.phase != .stopped, device == nil || device == state.device,
            let store = try? Device.rememberedPod(name, onDeviceAt: FilePath(state.device))
        else { return nil }
        return Session(store: store, runtime: runtime)
    }

    /// Starts the pod afresh, without a program.
    ///
    /// - Parameter network: from now on the pod's; without, it stays what it is.
    public func start(sound: SoundChoice, network: PodNetwork? = nil) throws {
        var pod = try PodRuntime.open(store, in: runtime, to: "start")
        if let state = pod.state, state.phase == .running {
            throw Failure(
                "start", "pod \(store.name)", "it is running already",
                remedy: "start programs in it with: mediapod exec")
        }
        let name = store.name
        guard try store.currentSessionNumber() == nil else {
            throw Failure(
                "start", "pod \(name)", "it has a suspended session",
                remedy: "resume it with: mediapod resume \(name); or end it with: mediapod stop --discard \(name)")
        }
        var layers = try store.presentLayers(of: store.fileStack())
        let reach: UserNetwork.Reach? = (try network ?? store.configuration().network) == .user ? .outside : nil
        try store.requireUnowned(besides: runtime.path)
        try? store.device.makeRoom(Self.roomToWork)
        // Without CRIU the pod could never be suspended.
        _ = try Criu.find()
        let findings =
            try Preflight.kernel(of: nil) + Preflight.runc() + Preflight.network(isWanted: reach != nil)
            + Preflight.files(store, base: store.configuration().base, layers: layers)
        try findings.requireNoRefusal(to: "start", "pod \(name)")
        var newLayer: Int?
        // A layer that a session was suspended with is sealed for ever.
        if try !store.isTopLayerOpen() {
            let layer = try store.newLayer(on: layers)
            newLayer = layer
            layers.append(layer)
        }
        do {
            var start = try Start(
                &pod, phase: .starting, layers: layers, newLayer: newLayer, sound: sound, network: reach)
            try start.startBroker(&pod, records: nil)
            try start.prepare(pod, fresh: true)
            try start.waitForBroker()
            try start.perform(&pod)
            try root(start.state).makeSharedMemoryFolder()
            // There is no session to go back to: after a crash the files are what there is.
            try store.setFileStack(layers)
            try store.keep(network)
            try start.finish(&pod)
        } catch {
            Start.undo(&pod)
            throw (error as? Failure)?.during("start", "pod \(name)") ?? Failure("start", "pod \(name)", "\(error)")
        }
    }

    func root(_ state: RuntimeState) throws -> PodRoot {
        guard let process = state.initProcess else { throw Failure("pod \(store.name)", "is not running") }
        return PodRoot(initProcess: process, uidBase: state.uidBase)
    }
}
