internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

extension Session {
    /// What the session needs of a host, as it is now, running here or suspended, and whether this host has it. With a
    /// `sound` also whether that sink of this host can play it.
    public func check(sound: SoundChoice?) throws -> [CheckFinding] {
        let folder = runtime.pod(store.name)
        let state = try PodRuntime.readState(folder)
        let isRunning = state?.phase == .running
        let manifest = isRunning ? nil : try store.currentSession()
        guard isRunning || manifest != nil else {
            throw Failure(
                "check", "pod \(store.name)", "it neither runs here nor is it suspended",
                remedy: "start it with: mediapod run")
        }
        let configuration = try store.configuration()
        var findings = Preflight.kernel(of: manifest)
        findings += Preflight.criu(of: manifest, version: try? Criu.find().version())
        if let state, isRunning {
            let origins = ProgramOrigin.update(
                state.origins ?? [], running: ProgramStart.all(in: Cgroup(path: folder.cgroupPath)), on: .current,
                baseline: configuration.cpuBaseline)
            findings += Preflight.processor(origins: origins, registersInUse: 0, on: .current)
            findings += Preflight.portability(of: origins)
            findings += Preflight.files(store, base: configuration.base, layers: state.layers)
        } else if let manifest {
            findings += Preflight.processor(
                origins: manifest.origins ?? [], registersInUse: manifest.registersInUse ?? 0, on: .current)
            findings += Preflight.portability(of: manifest.origins ?? [])
            findings += Preflight.memory(for: manifest)
            findings += Preflight.files(store, base: manifest.base, layers: manifest.layers)
            findings += Preflight.stream(of: manifest, in: store)
        }
        let needsNetwork = configuration.network == .user || manifest?.hasNetwork == true
        findings += Preflight.network(isWanted: needsNetwork)
        findings += Preflight.space(store.device)
        let version =
            isRunning ? try state.map { Preflight.displayVersion(in: try root($0)) } : manifest?.displayVersion
        if let version { findings += Preflight.display(version: version) }
        return try findings + Preflight.sound(streams(manifest), at: sound)
    }

    /// What plays, and what was playing.
    private func streams(_ manifest: SessionManifest?) throws -> [Preflight.Stream] {
        let folder = runtime.pod(store.name)
        let configurations: [(String, StreamConfiguration)]
        if let manifest {
            configurations = manifest.sound.streams.map { ($0.program, $0.configuration) }
        } else {
            guard case .status(let status) = try BrokerClient(socket: folder.brokerControl).request(.status) else {
                return []
            }
            configurations = status.streams.map { ($0.program, $0.configuration) }
        }
        return configurations.filter { $0.1.direction == .playback }.map {
            // An encrypted session does not say which.
            Preflight.Stream(
                program: $0.0.isEmpty ? "a program" : $0.0, channels: $0.1.channels, channelMap: $0.1.channelMap)
        }
    }
}
