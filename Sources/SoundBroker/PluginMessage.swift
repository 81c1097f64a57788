internal import SoundABI
package import SoundControl

/// What a plugin says, decoded and checked. Everything in it is still the pod's word.
package enum PluginMessage: Equatable, Sendable {
    case hello(id: StreamID, program: String)
    case configure(StreamConfiguration, ringFrames: UInt64)
    case softwareParameters(availMin: UInt64, startThreshold: UInt64, stopThreshold: UInt64)
    case trigger(TriggerState, epoch: UInt32, base: UInt64)
    case kick
    case close

    package enum Malformed: Error, Equatable, Sendable {
        case length, magic, unknownType(UInt16), version(UInt32), value(String)
    }

    /// The longest message there is, bytes.
    package static let maximumBytes = 128

    /// Decodes one packet, which must be exactly one message.
    package init(_ bytes: UnsafeRawBufferPointer) throws(Malformed) {
        let header = try Self.load(sound_header.self, bytes, exactly: false)
        guard header.magic == SOUND_ABI_MAGIC else { throw .magic }
        guard Int(header.bytes) == bytes.count else { throw .length }
        switch UInt32(header.type) {
        case SOUND_HELLO.rawValue: self = try Self.hello(Self.load(sound_hello.self, bytes))
        case SOUND_CONFIGURE.rawValue: self = try Self.configure(Self.load(sound_configure.self, bytes))
        case SOUND_SW_PARAMS.rawValue:
            let sw = try Self.load(sound_sw_message.self, bytes).sw
            self = .softwareParameters(
                availMin: sw.avail_min, startThreshold: sw.start_threshold, stopThreshold: sw.stop_threshold)
        case SOUND_TRIGGER.rawValue:
            let trigger = try Self.load(sound_trigger.self, bytes)
            guard let state = TriggerState(trigger.state) else { throw .value("state \(trigger.state)") }
            self = .trigger(state, epoch: trigger.epoch, base: trigger.base)
        case SOUND_KICK.rawValue:
            _ = try Self.load(sound_header.self, bytes)
            self = .kick
        case SOUND_CLOSE.rawValue:
            _ = try Self.load(sound_header.self, bytes)
            self = .close
        default: throw .unknownType(header.type)
        }
    }

    private static func load<Message>(
        _ type: Message.Type, _ bytes: UnsafeRawBufferPointer, exactly: Bool = true
    ) throws(Malformed) -> Message {
        let size = MemoryLayout<Message>.size
        guard exactly ? bytes.count == size : bytes.count >= size else { throw .length }
        return bytes.loadUnaligned(as: type)
    }

    private static func hello(_ message: sound_hello) throws(Malformed) -> PluginMessage {
        guard message.version == SOUND_ABI_VERSION else { throw .version(message.version) }
        guard message.direction == SOUND_PLAYBACK.rawValue else { throw .value("direction \(message.direction)") }
        let id = withUnsafeBytes(of: message.id) { StreamID(Array($0)) }
        let program = withUnsafeBytes(of: message.program) { name in
            printable(name.prefix { $0 != 0 })
        }
        return .hello(id: id, program: program)
    }

    /// A name that does no harm in a terminal or a log.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private static func configure(_ message: sound_configure) throws(Malformed) -> PluginMessage {
        guard message.format == SOUND_FORMAT_S16_LE.rawValue else { throw .value("format \(message.format)") }
        guard message.channels == 2 else { throw .value("\(message.channels) channels") }
        guard SoundCapabilities.portableRates.contains(message.rate) else { throw .value("\(message.rate) Hz") }
        guard let access = accessName(message.access) else { throw .value("access \(message.access)") }
        // 4 Mi frames are a minute and a half; nothing computed from sizes within this bound can overflow.
        let bound: UInt64 = 4 << 20
        guard (2...bound).contains(message.buffer_frames),
            (1...message.buffer_frames).contains(message.period_frames)
        else { throw .value("period \(message.period_frames) of buffer \(message.buffer_frames)") }
        guard (message.buffer_frames + UInt64(SOUND_PREROLL_FRAMES)...2 * bound).contains(message.ring_frames)
        else { throw .value("ring of \(message.ring_frames) frames for a buffer of \(message.buffer_frames)") }
        let configuration = StreamConfiguration(
            direction: "playback", access: access, format: "S16_LE", rate: message.rate,
            channels: message.channels, periodFrames: message.period_frames, bufferFrames: message.buffer_frames,
            availMin: message.sw.avail_min, startThreshold: message.sw.start_threshold,
            stopThreshold: message.sw.stop_threshold)
        return .configure(configuration, ringFrames: message.ring_frames)
    }

    /// By ALSA's numbers, SND_PCM_ACCESS_*.
    private static func accessName(_ access: UInt32) -> String? {
        switch access {
        case 0: "MMAP_INTERLEAVED"
        case 3: "RW_INTERLEAVED"
        default: nil
        }
    }
}

/// A stream's identity.
package struct StreamID: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// 32 hexadecimal digits.
    package var description: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

package enum TriggerState: Sendable, Equatable {
    case setup, prepared, running, paused, draining

    init?(_ value: UInt32) {
        switch value {
        case SOUND_STATE_SETUP.rawValue: self = .setup
        case SOUND_STATE_PREPARED.rawValue: self = .prepared
        case SOUND_STATE_RUNNING.rawValue: self = .running
        case SOUND_STATE_PAUSED.rawValue: self = .paused
        case SOUND_STATE_DRAINING.rawValue: self = .draining
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .setup: "setup"
        case .prepared: "prepared"
        case .running: "running"
        case .paused: "paused"
        case .draining: "draining"
        }
    }
}

/// What each policy lets hw_params be.
enum SoundCapabilities {
    /// Hz.
    static let portableRates: [UInt32] = [44100, 48000]

    static func welcome(_ policy: SoundPolicy) -> sound_welcome {
        var message = sound_welcome()
        message.header = sound_header(
            magic: SOUND_ABI_MAGIC, type: UInt16(SOUND_WELCOME.rawValue),
            bytes: UInt16(MemoryLayout<sound_welcome>.size))
        message.version = SOUND_ABI_VERSION
        message.policy = policy == .portable ? 0 : 1
        message.formats = 1 << UInt64(SOUND_FORMAT_S16_LE.rawValue)
        message.channels_min = 2
        message.channels_max = 2
        message.rate_count = UInt32(portableRates.count)
        withUnsafeMutableBytes(of: &message.rates) { raw in
            raw.withMemoryRebound(to: UInt32.self) { rates in
                for (index, rate) in portableRates.enumerated() { rates[index] = rate }
            }
        }
        return message
    }
}
