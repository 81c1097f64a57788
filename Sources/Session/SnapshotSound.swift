internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// The broker's part in a snapshot.
struct SnapshotSound {
    private let client: BrokerClient
    private let process: ProcessIdentity?
    private let policy: SoundPolicy
    private let memory: FilePath

    init(_ process: ProcessIdentity?, _ folder: PodFolder, _ policy: SoundPolicy) {
        self.process = process
        memory = folder.brokerMemory
        self.policy = policy
        client = BrokerClient(socket: folder.brokerControl)
    }

    /// It has died, and none has taken its place yet: the streams stand where it last said so, in the pod's memory, and
    /// what it was told is on this host.
    private var withoutBroker: SoundRecords {
        let said = BrokerMemory.read(memory)
        return SoundRecords(policy: said?.policy ?? policy, mixer: said?.mixer ?? MixerState(), streams: [])
    }

    func hold() throws {
        guard process?.isAlive == true else { return }
        do {
            _ = try client.request(.hold)
        } catch BrokerClient.Problem.unreachable {
            // It has just died, and its streams stand where it last said so, in the pod's memory.
        }
    }

    func detach() throws -> SoundRecords {
        guard process?.isAlive == true else { return withoutBroker }
        do {
            if case .records(let records) = try client.request(.detach) { return records }
            throw BrokerClient.Problem.garbled
        } catch BrokerClient.Problem.unreachable {
            return withoutBroker
        }
    }
}
