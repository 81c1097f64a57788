internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// What each policy lets hw_params be, and ALSA's numbers for it.
enum SoundCapabilities {
    /// Hz. What every host can play.
    static let portableRates: [UInt32] = [44100, 48000]
    /// Hz. What converters are tried with; anything else passes through ALSA's `plug`.
    static let allRates: [UInt32] = [
        8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176_400, 192_000,
    ]

    /// What is offered at one moment.
    struct Offer: Equatable {
        var policy: SoundPolicy
        var formats: [SampleFormat]
        /// Hz.
        var rates: [UInt32]
        var channels: ClosedRange<UInt32>
        var channelMap: ChannelMap
    }

    /// By the policy, and for `full` by what the host has. Without a host as yet, or any more, what every host can.
    static func offer(_ policy: SoundPolicy, _ direction: StreamConfiguration.Direction, at host: SinkCapabilities?)
        -> Offer
    {
        let sinkPlace = host.map { ($0.rate, $0.channelMap) }
        let sourcePlace = host?.source.map { ($0.rate, $0.channelMap) }
        let place = direction == .playback ? sinkPlace : sourcePlace
        guard policy == .full, let (rate, channelMap) = place else {
            return Offer(
                policy: policy, formats: [.s16], rates: portableRates, channels: 2...2, channelMap: ChannelMap.stereo)
        }
        // A host of 48 kHz has nothing of what lies above in a stream of 96.
        let rates = allRates.filter { $0 <= max(48000, rate) }
        return Offer(
            policy: policy, formats: SampleFormat.allCases, rates: rates,
            channels: 1...UInt32(max(2, channelMap.channels)),
            channelMap: channelMap.channels >= 2 ? channelMap : ChannelMap.stereo)
    }

    static func isWithin(_ offer: Offer, _ configuration: StreamConfiguration, _ format: SampleFormat) -> Bool {
        offer.formats.contains(format) && offer.rates.contains(configuration.rate)
            && offer.channels.contains(configuration.channels)
    }

    static func welcome(_ offer: Offer) -> sound_welcome {
        var message = sound_welcome()
        message.header = sound_header(
            magic: SOUND_ABI_MAGIC, type: UInt16(SOUND_WELCOME.rawValue),
            bytes: UInt16(MemoryLayout<sound_welcome>.size))
        message.version = SOUND_ABI_VERSION
        message.policy = offer.policy == .portable ? 0 : 1
        message.formats = offer.formats.reduce(0) { $0 | 1 << UInt64(number(of: $1).rawValue) }
        message.channels_min = offer.channels.lowerBound
        message.channels_max = offer.channels.upperBound
        message.rate_count = UInt32(offer.rates.count)
        withUnsafeMutableBytes(of: &message.rates) { raw in
            raw.withMemoryRebound(to: UInt32.self) { rates in
                for (index, rate) in offer.rates.enumerated() { rates[index] = rate }
            }
        }
        withUnsafeMutableBytes(of: &message.positions) { positions in
            for (index, position) in offer.channelMap.positions.enumerated() { positions[index] = position.rawValue }
        }
        return message
    }

    private static func number(of format: SampleFormat) -> sound_format {
        switch format {
        case .s16: SOUND_FORMAT_S16_LE
        case .s24Packed: SOUND_FORMAT_S24_3LE
        case .s24: SOUND_FORMAT_S24_LE
        case .s32: SOUND_FORMAT_S32_LE
        case .float32: SOUND_FORMAT_FLOAT_LE
        }
    }

    static func format(number: UInt32) -> SampleFormat? {
        SampleFormat.allCases.first { self.number(of: $0).rawValue == number }
    }

    /// ALSA's name.
    static func name(of format: SampleFormat) -> String {
        switch format {
        case .s16: "S16_LE"
        case .s24Packed: "S24_3LE"
        case .s24: "S24_LE"
        case .s32: "S32_LE"
        case .float32: "FLOAT_LE"
        }
    }

    /// By ALSA's numbers, SND_PCM_ACCESS_*.
    static func accessName(_ access: UInt32) -> String? {
        switch access {
        case 0: "MMAP_INTERLEAVED"
        case 1: "MMAP_NONINTERLEAVED"
        case 3: "RW_INTERLEAVED"
        case 4: "RW_NONINTERLEAVED"
        default: nil
        }
    }
}
