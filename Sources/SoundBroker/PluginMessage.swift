internal import SoundABI
package import SoundControl
package import SoundDSP

/// What a plugin says, decoded and checked. Everything in it is still the pod's word.
package enum PluginMessage: Equatable, Sendable {
    case hello(id: StreamID, program: String, Purpose)
    /// The configuration's direction and policy are the connection's to know.
    case configure(StreamConfiguration, SampleFormat, ChannelMap, ringFrames: UInt64)
    case softwareParameters(SoftwareParameters)
    case channelMap(ChannelMap)
    case rewind(UInt64)
    /// `serial` counts what its mixer has said.
    case mixer(MixerState, serial: UInt32)
    case trigger(TriggerState, epoch: UInt32, base: UInt64)
    case kick
    case close

    /// What a connection is for.
    package enum Purpose: Equatable, Sendable {
        case playback, capture, mixer
    }

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
            self = .softwareParameters(Self.software(try Self.load(sound_sw_message.self, bytes).sw))
        case SOUND_CHANNELS.rawValue:
            let positions = try Self.load(sound_channels.self, bytes).positions
            let count = withUnsafeBytes(of: positions) { $0.prefix { $0 != 0 }.count }
            self = .channelMap(try Self.channelMap(positions, channels: UInt32(count)))
        case SOUND_REWIND.rawValue:
            self = .rewind(try Self.load(sound_rewind.self, bytes).position)
        case SOUND_VOLUME.rawValue:
            let volume = try Self.load(sound_volume.self, bytes)
            self = .mixer(try Self.mixer(volume), serial: volume.serial)
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
        let purpose: Purpose
        switch message.direction {
        case SOUND_PLAYBACK.rawValue: purpose = .playback
        case SOUND_CAPTURE.rawValue: purpose = .capture
        case SOUND_MIXER.rawValue: purpose = .mixer
        default: throw .value("direction \(message.direction)")
        }
        let id = withUnsafeBytes(of: message.id) { StreamID(Array($0)) }
        let program = withUnsafeBytes(of: message.program) { name in
            printable(name.prefix { $0 != 0 })
        }
        return .hello(id: id, program: program, purpose)
    }

    /// A name that does no harm in a terminal or a log.
    private static func printable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private static func configure(_ message: sound_configure) throws(Malformed) -> PluginMessage {
        guard let format = SoundCapabilities.format(number: message.format) else {
            throw .value("format \(message.format)")
        }
        guard SoundCapabilities.allRates.contains(message.rate) else { throw .value("\(message.rate) Hz") }
        guard let access = SoundCapabilities.accessName(message.access) else {
            throw .value("access \(message.access)")
        }
        let map = try channelMap(message.positions, channels: message.channels)
        // 8 Mi frames are most of a minute at 192 kHz; nothing computed from sizes within this bound can overflow.
        let bound: UInt64 = 8 << 20
        guard (2...bound).contains(message.buffer_frames),
            (1...message.buffer_frames).contains(message.period_frames)
        else { throw .value("period \(message.period_frames) of buffer \(message.buffer_frames)") }
        guard (message.buffer_frames...2 * bound).contains(message.ring_frames) else {
            throw .value("ring of \(message.ring_frames) frames for a buffer of \(message.buffer_frames)")
        }
        let configuration = StreamConfiguration(
            direction: .playback, access: access, format: SoundCapabilities.name(of: format), rate: message.rate,
            channels: message.channels, channelMap: map.description, periodFrames: message.period_frames,
            bufferFrames: message.buffer_frames, software: software(message.sw), policy: .portable)
        return .configure(configuration, format, map, ringFrames: message.ring_frames)
    }

    private static func software(_ sw: sound_sw_params) -> SoftwareParameters {
        SoftwareParameters(
            availMin: sw.avail_min, startThreshold: sw.start_threshold, stopThreshold: sw.stop_threshold,
            silenceThreshold: sw.silence_threshold, silenceSize: sw.silence_size, boundary: sw.boundary)
    }

    private static func channelMap<Positions>(_ positions: Positions, channels: UInt32) throws(Malformed)
        -> ChannelMap
    {
        guard (1...SOUND_MAX_CHANNELS).contains(channels) else { throw .value("\(channels) channels") }
        let numbers = withUnsafeBytes(of: positions) { Array($0.prefix(Int(channels))) }
        let known = numbers.compactMap { ChannelPosition(rawValue: $0) }
        guard known.count == numbers.count, let map = ChannelMap(known) else { throw .value("channel map \(numbers)") }
        return map
    }

    private static func mixer(_ volume: sound_volume) throws(Malformed) -> MixerState {
        guard volume.playback <= SOUND_VOLUME_UNITY, volume.capture <= SOUND_VOLUME_UNITY else {
            throw .value("a volume above unity")
        }
        return MixerState(
            playback: Double(volume.playback) / Double(SOUND_VOLUME_UNITY), playbackMuted: volume.playback_muted != 0,
            capture: Double(volume.capture) / Double(SOUND_VOLUME_UNITY), captureMuted: volume.capture_muted != 0)
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
