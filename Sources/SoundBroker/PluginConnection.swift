internal import Glibc
internal import LinuxSystem
internal import SoundABI
internal import SoundControl
internal import SystemPackage

/// One connection from inside the pod. Closed at the first thing that is not right.
final class PluginConnection {
    /// Messages taken before other connections get their turn.
    private static let burst = 16

    private let socket: OwnedDescriptor
    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private weak var broker: SoundBroker?
    private(set) var streamID: StreamID?

    init(_ socket: consuming OwnedDescriptor, loop: EventLoop, broker: SoundBroker) throws(Errno) {
        self.socket = socket
        self.loop = loop
        self.broker = broker
        watch = try loop.watch(self.socket.number, for: .readable) { [weak self] _ in self?.receive() }
    }

    deinit {
        if let watch { loop.remove(watch) }
    }

    private func receive() {
        for _ in 0..<Self.burst {
            let ended = withUnsafeTemporaryAllocation(
                byteCount: PluginMessage.maximumBytes, alignment: 8
            ) { buffer -> Bool in
                switch PacketSocket.receive(from: socket.number, into: buffer) {
                case .nothing: return true
                case .closed(let error):
                    broker?.connectionEnded(self, violation: error == .messageTooLong ? "too long a message" : nil)
                    return true
                case .message(let count, let descriptors):
                    return !handle(UnsafeRawBufferPointer(rebasing: buffer[..<count]), descriptors)
                }
            }
            if ended { return }
        }
    }

    /// False when the connection is over.
    private func handle(
        _ bytes: UnsafeRawBufferPointer, _ descriptors: consuming PacketSocket.ReceivedDescriptors
    ) -> Bool {
        guard let broker else { return false }
        let message: PluginMessage
        do {
            message = try PluginMessage(bytes)
        } catch {
            if case .version(let version) = error {
                refuse(EPROTO, "sound protocol version \(version) is not spoken here")
            }
            broker.connectionEnded(self, violation: "malformed message: \(error)")
            return false
        }
        switch message {
        case .hello(let id, let program):
            guard streamID == nil else { return violated("a second hello") }
            if let refusal = broker.admit(self, id: id, program: program) {
                refuse(refusal.error, refusal.reason)
                broker.connectionEnded(self, violation: nil)
                return false
            }
            streamID = id
            welcome(broker.policy)
        case .configure(let configuration, let ringFrames):
            guard let streamID else { return violated("configured before hello") }
            guard let memory = descriptors.takeFirst(), let wake = descriptors.takeSecond(),
                descriptors.count == 2
            else { return violated("configured without its two descriptors") }
            do {
                let ring = try FrameRing(
                    memory, frames: ringFrames, frameBytes: Int(configuration.channels) * 2)
                broker.configure(streamID, configuration, ring: ring, wake: wake)
            } catch {
                return violated("unusable ring: \(error)")
            }
        case .softwareParameters(let availMin, let startThreshold, let stopThreshold):
            guard let stream else { return violated("sw_params before hello") }
            stream.setSoftwareParameters(
                availMin: availMin, startThreshold: startThreshold, stopThreshold: stopThreshold)
        case .trigger(let state, let epoch, let base):
            guard let stream else { return violated("triggered before hello") }
            stream.trigger(state, epoch: epoch, base: base)
        case .kick:
            stream?.kick()
        case .close:
            broker.connectionEnded(self, violation: nil)
            return false
        }
        return true
    }

    private var stream: PlaybackStream? {
        streamID.flatMap { broker?.stream($0) }
    }

    private func violated(_ reason: String) -> Bool {
        broker?.connectionEnded(self, violation: reason)
        return false
    }

    private func welcome(_ policy: SoundPolicy) {
        let message = SoundCapabilities.welcome(policy)
        withUnsafeBytes(of: message) { _ = PacketSocket.send($0, to: socket.number) }
    }

    private func refuse(_ error: Int32, _ reason: String) {
        var message = sound_refused()
        message.header = sound_header(
            magic: SOUND_ABI_MAGIC, type: UInt16(SOUND_REFUSED.rawValue),
            bytes: UInt16(MemoryLayout<sound_refused>.size))
        message.error = error
        withUnsafeMutableBytes(of: &message.reason) { buffer in
            buffer.copyBytes(from: reason.utf8.prefix(buffer.count - 1))
        }
        withUnsafeBytes(of: message) { _ = PacketSocket.send($0, to: socket.number) }
    }
}
