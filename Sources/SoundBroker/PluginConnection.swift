internal import Glibc
internal import LinuxSystem
internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SystemPackage

/// One connection from inside the pod: of a PCM or of the mixer. Closed at the first thing that is not right.
final class PluginConnection {
    /// Messages taken before other connections get their turn.
    private static let burst = 16

    /// Owned from `init` to `deinit`, and closed elsewhere: in its queue there may be anything.
    private let socket: Int32
    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private weak var broker: SoundBroker?
    private(set) var streamID: StreamID?
    private(set) var purpose: PluginMessage.Purpose?
    /// What hw_params may be, as the plugin was last told.
    private(set) var offer: SoundCapabilities.Offer?
    /// Of the last volume that this mixer set.
    private var mixerSerial: UInt32 = 0
    /// Something did not fit into the socket: it is told when there is room, as it is by then.
    private var isBehind = false
    private var budget = MessageBudget()
    /// It has said more than its budget allows: the rest waits in its socket.
    private var isPaused = false

    init(_ socket: consuming OwnedDescriptor, loop: EventLoop, broker: SoundBroker) throws(Errno) {
        self.socket = socket.release()
        self.loop = loop
        self.broker = broker
        watch = try loop.watch(self.socket, for: .readable) { [weak self] readiness in
            if readiness.contains(.writable) { self?.catchUp() }
            if readiness != .writable { self?.receive(isLast: readiness.contains(.hangUp)) }
        }
    }

    deinit {
        if let watch { loop.remove(watch) }
        OwnedDescriptor(adopting: socket).closeElsewhere()
    }

    /// `isLast`: the other end is gone, and there is little left.
    private func receive(isLast: Bool) {
        for _ in 0..<Self.burst {
            guard budget.allows() || isLast else { return pause() }
            let ended = withUnsafeTemporaryAllocation(
                byteCount: PluginMessage.maximumBytes, alignment: 8
            ) { buffer -> Bool in
                switch PacketSocket.receive(from: socket, into: buffer) {
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
        _ bytes: UnsafeRawBufferPointer, _ received: consuming PacketSocket.ReceivedDescriptors
    ) -> Bool {
        guard let broker else { return false }
        var descriptors = received
        let message: PluginMessage
        do {
            message = try PluginMessage(bytes)
        } catch {
            if case .version(let version) = error {
                refuse(EPROTO, "sound protocol version \(version) is not spoken here")
            }
            return violated("malformed message: \(error)")
        }
        budget.spend(on: message)
        switch message {
        case .hello(let id, let program, let purpose):
            guard self.purpose == nil else { return violated("a second hello") }
            return hello(id, program, purpose, to: broker)
        case .configure(let configuration, let format, let map, let ringFrames):
            guard let streamID else { return violated("configured before hello") }
            guard descriptors.count == 2 else { return violated("configured without its two descriptors") }
            let ring: FrameRing
            switch Self.ring(&descriptors, frames: ringFrames, frameBytes: Int(configuration.channels) * format.bytes) {
            case .success(let usable): ring = usable
            case .failure(let error): return violated("unusable ring: \(error)")
            }
            guard let wake = descriptors.takeSecond() else { return violated("configured without a wake socket") }
            if let reason = broker.configure(
                streamID, configuration, format, map, offer: offer, ring: ring, wake: wake)
            {
                return violated(reason)
            }
        case .softwareParameters(let software):
            guard let stream else { return violated("sw_params before hello") }
            stream.setSoftwareParameters(software)
        case .channelMap(let map):
            guard let stream else { return violated("a channel map before hello") }
            stream.setChannelMap(map)
        case .trigger(let state, let epoch, let base):
            guard let stream else { return violated("triggered before hello") }
            stream.trigger(state, epoch: epoch, base: base)
        case .rewind(let position):
            stream?.rewind(to: position)
        case .kick:
            stream?.kick()
        case .mixer(let mixer, let serial):
            guard purpose == .mixer else { return violated("a volume from what is no mixer") }
            mixerSerial = serial
            broker.setMixer(mixer)
        case .close:
            broker.connectionEnded(self, violation: nil)
            return false
        }
        return true
    }

    /// Maps the ring that came first, and lets go of its descriptor.
    private static func ring(
        _ descriptors: inout PacketSocket.ReceivedDescriptors, frames: UInt64, frameBytes: Int
    ) -> Result<FrameRing, FrameRing.Unusable> {
        guard let memory = descriptors.takeFirst() else { return .failure(.header) }
        let ring = Result { () throws(FrameRing.Unusable) in
            try FrameRing(memory, frames: frames, frameBytes: frameBytes)
        }
        memory.closeElsewhere()
        return ring
    }

    private func hello(_ id: StreamID, _ program: String, _ purpose: PluginMessage.Purpose, to broker: SoundBroker)
        -> Bool
    {
        self.purpose = purpose
        if purpose != .mixer {
            if let refusal = broker.admit(self, id: id, program: program, purpose) {
                refuse(refusal.error, refusal.reason)
                broker.connectionEnded(self, violation: nil)
                return false
            }
            streamID = id
        }
        tellOffer()
        if purpose == .mixer { tell(broker.mixer) }
        return true
    }

    private var stream: PodStream? {
        streamID.flatMap { broker?.stream($0) }
    }

    private func violated(_ reason: String) -> Bool {
        broker?.connectionEnded(self, violation: reason)
        return false
    }

    /// Says what hw_params may be, when that is something new.
    func tellOffer() {
        guard let broker, let purpose else { return }
        let new = broker.offer(purpose == .capture ? .capture : .playback)
        guard new != offer else { return }
        let message = SoundCapabilities.welcome(new)
        if withUnsafeBytes(of: message, send) { offer = new }
    }

    /// False when the socket is full: of a program that is stopped, or does not want to hear.
    private func send(_ message: UnsafeRawBufferPointer) -> Bool {
        if PacketSocket.send(message, to: socket) { return true }
        setBehind(true)
        return false
    }

    private func setBehind(_ behind: Bool) {
        guard behind != isBehind else { return }
        isBehind = behind
        listen()
    }

    private func pause() {
        isPaused = true
        listen()
        broker?.resumeLater(self)
    }

    func resume() {
        isPaused = false
        listen()
    }

    private func listen() {
        var interest: EventLoop.Readiness = isPaused ? [] : .readable
        if isBehind { interest.insert(.writable) }
        if let watch { try? loop.change(watch, to: interest) }
    }

    private func catchUp() {
        setBehind(false)
        tellOffer()
        if let broker { tell(broker.mixer) }
    }

    /// Says how loud the pod is, to a mixer.
    func tell(_ mixer: MixerState) {
        guard purpose == .mixer else { return }
        var message = sound_volume()
        message.header = sound_header(
            magic: SOUND_ABI_MAGIC, type: UInt16(SOUND_VOLUME.rawValue),
            bytes: UInt16(MemoryLayout<sound_volume>.size))
        message.playback = Self.linear(mixer.playback)
        message.capture = Self.linear(mixer.capture)
        message.playback_muted = mixer.playbackMuted ? 1 : 0
        message.capture_muted = mixer.captureMuted ? 1 : 0
        message.serial = mixerSerial
        _ = withUnsafeBytes(of: message, send)
    }

    private static func linear(_ volume: Double) -> UInt32 {
        UInt32((min(1, max(0, volume)) * Double(SOUND_VOLUME_UNITY)).rounded())
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
        withUnsafeBytes(of: message) { _ = PacketSocket.send($0, to: socket) }
    }
}
