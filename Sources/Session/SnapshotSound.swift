internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// The broker's part in a snapshot.
struct SnapshotSound {
    private let client: BrokerClient
    private let state: RuntimeState
    private let memory: FilePath

    init(_ state: RuntimeState, _ folder: PodFolder) {
        self.state = state
        memory = folder.brokerMemory
        client = BrokerClient(socket: folder.brokerControl)
    }

    /// It has died, and none has taken its place yet: the streams stand where it last said so, in the pod's memory, and
    /// what it was told is on this host.
    private func leaveWithoutBroker() throws -> SoundRecords {
        try attempt("let go of", "the programs that wait for a sound broker") { () throws(Errno) in
            try BrokerSocket.dropWaiting(of: state)
        }
        let said = BrokerMemory.read(memory)
        return SoundRecords(policy: said?.policy ?? state.soundPolicy, mixer: said?.mixer ?? MixerState(), streams: [])
    }

    func hold() throws {
        guard state.broker?.isAlive == true else { return }
        do {
            _ = try client.request(.hold)
        } catch BrokerClient.Problem.unreachable {
            // It has just died, and its streams stand where it last said so, in the pod's memory.
        }
    }

    /// The pod is frozen: lets go of it, and tells what there was.
    func detach() throws -> SoundRecords {
        guard state.broker?.isAlive == true else { return try leaveWithoutBroker() }
        do {
            if case .records(let records) = try client.request(.detach) { return records }
            throw BrokerClient.Problem.garbled
        } catch BrokerClient.Problem.unreachable {
            return try leaveWithoutBroker()
        }
    }
}
