internal import CALSA
internal import Glibc
internal import SoundDSP

/// What a PCM was made to do.
struct AlsaParameters {
    var format: SampleFormat
    /// Hz.
    var rate: UInt32
    var channelMap: ChannelMap
    /// Frames.
    var periodFrames: Int
    var bufferFrames: Int

    var frameBytes: Int { format.bytes * channelMap.channels }

    enum Direction {
        case playback
        case capture
    }

    /// From what loses nothing to what loses most; floating point last, as a device that has it converts by itself.
    private static let formats: [(SampleFormat, snd_pcm_format_t)] = [
        (.s32, SND_PCM_FORMAT_S32_LE), (.s24, SND_PCM_FORMAT_S24_LE), (.s24Packed, SND_PCM_FORMAT_S24_3LE),
        (.s16, SND_PCM_FORMAT_S16_LE), (.float32, SND_PCM_FORMAT_FLOAT_LE),
    ]

    /// Finds what suits both sides, and sets it: the device's own rate, which is 48 kHz where it has that, its best
    /// format, all its loudspeakers, periods of 10 ms and a buffer of 40. Throws what the device lacks, in one line.
    init(negotiatingWith pcm: OpaquePointer, _ direction: Direction) throws(SinkFailure) {
        var made: OpaquePointer?
        guard snd_pcm_hw_params_malloc(&made) == 0, let hardware = made else {
            throw SinkFailure(reason: "there is no memory for its parameters")
        }
        defer { snd_pcm_hw_params_free(hardware) }
        guard snd_pcm_hw_params_any(pcm, hardware) >= 0 else {
            throw SinkFailure(reason: "it has no configuration at all")
        }
        guard snd_pcm_hw_params_set_access(pcm, hardware, SND_PCM_ACCESS_RW_INTERLEAVED) == 0 else {
            throw SinkFailure(reason: "it takes no interleaved frames; put a \"plug\" before it")
        }
        // Resampling is better done by us, and a plugin that does it rounds positions.
        snd_pcm_hw_params_set_rate_resample(pcm, hardware, 0)
        let channels = try Self.chooseChannels(pcm, hardware, direction)
        rate = try Self.chooseRate(pcm, hardware)
        guard let (format, _) = Self.formats.first(where: { snd_pcm_hw_params_set_format(pcm, hardware, $0.1) == 0 })
        else {
            throw SinkFailure(reason: "it has no linear format; put a \"plug\" before it")
        }
        self.format = format
        var period = snd_pcm_uframes_t(max(1, rate / 100))
        var buffer = period * 4
        // As near as it can: a device with periods of its own has them.
        snd_pcm_hw_params_set_period_size_near(pcm, hardware, &period, nil)
        snd_pcm_hw_params_set_buffer_size_near(pcm, hardware, &buffer)
        let result = snd_pcm_hw_params(pcm, hardware)
        guard result == 0, snd_pcm_get_params(pcm, &buffer, &period) == 0, period > 0, buffer >= period else {
            throw SinkFailure(reason: "it refuses its own parameters: \(AlsaError(code: result).reason)")
        }
        periodFrames = Int(clamping: period)
        bufferFrames = Int(clamping: buffer)
        channelMap = try Self.channelMap(of: pcm, channels: channels)
    }

    /// As many as it has, up to eight. What takes any number is a converter that does not say what is behind it: there
    /// stereo is meant. A recording is stereo wherever it can be.
    private static func chooseChannels(
        _ pcm: OpaquePointer, _ hardware: OpaquePointer, _ direction: Direction
    ) throws(SinkFailure) -> Int {
        var (least, most): (UInt32, UInt32) = (0, 0)
        snd_pcm_hw_params_get_channels_min(hardware, &least)
        snd_pcm_hw_params_get_channels_max(hardware, &most)
        let best = direction == .playback && most <= 8 ? most : max(least, min(2, most))
        guard (1...8).contains(best), snd_pcm_hw_params_set_channels(pcm, hardware, best) == 0 else {
            throw SinkFailure(reason: "it has \(least) to \(most) channels, and not 1 to 8; put a \"plug\" before it")
        }
        return Int(best)
    }

    private static func chooseRate(_ pcm: OpaquePointer, _ hardware: OpaquePointer) throws(SinkFailure) -> UInt32 {
        for rate: UInt32 in [48000, 44100] where snd_pcm_hw_params_set_rate(pcm, hardware, rate, 0) == 0 {
            return rate
        }
        var rate: UInt32 = 48000
        let result = snd_pcm_hw_params_set_rate_near(pcm, hardware, &rate, nil)
        guard result == 0, rate > 0 else {
            throw SinkFailure(reason: "it has no rate: \(AlsaError(code: result).reason)")
        }
        return rate
    }

    /// What the device says, or what is usual where it says nothing.
    private static func channelMap(of pcm: OpaquePointer, channels: Int) throws(SinkFailure) -> ChannelMap {
        if let map = snd_pcm_get_chmap(pcm) {
            defer { free(map) }
            if Int(map.pointee.channels) == channels {
                let positions = (0..<UInt32(channels)).map { channel in
                    let position = calsa_chmap_position(map, channel) & UInt32(SND_CHMAP_POSITION_MASK)
                    return ChannelPosition(rawValue: UInt8(clamping: position)) ?? .unknown
                }
                if positions.contains(where: { $0 != .unknown && $0 != .notAvailable }),
                    let map = ChannelMap(positions)
                {
                    return map
                }
            }
        }
        guard let map = ChannelMap.standard(channels: channels) else {
            throw SinkFailure(reason: "nobody knows what its \(channels) channels are for")
        }
        return map
    }
}
