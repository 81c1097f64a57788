internal import CPulse
internal import SoundDSP

/// Formats and channel maps in PulseAudio's terms.
enum PulseChannels {
    static func sampleSpec(_ layout: SampleLayout, rate: UInt32) -> pa_sample_spec {
        let format =
            switch layout.format {
            case .s16: PA_SAMPLE_S16LE
            case .s24Packed: PA_SAMPLE_S24LE
            case .s24: PA_SAMPLE_S24_32LE
            case .s32: PA_SAMPLE_S32LE
            case .float32: PA_SAMPLE_FLOAT32LE
            }
        return pa_sample_spec(format: format, rate: rate, channels: UInt8(layout.channels))
    }

    private static let names: [(ChannelPosition, pa_channel_position_t)] = [
        (.mono, PA_CHANNEL_POSITION_MONO), (.frontLeft, PA_CHANNEL_POSITION_FRONT_LEFT),
        (.frontRight, PA_CHANNEL_POSITION_FRONT_RIGHT), (.rearLeft, PA_CHANNEL_POSITION_REAR_LEFT),
        (.rearRight, PA_CHANNEL_POSITION_REAR_RIGHT), (.frontCenter, PA_CHANNEL_POSITION_FRONT_CENTER),
        (.lowFrequency, PA_CHANNEL_POSITION_LFE), (.sideLeft, PA_CHANNEL_POSITION_SIDE_LEFT),
        (.sideRight, PA_CHANNEL_POSITION_SIDE_RIGHT), (.rearCenter, PA_CHANNEL_POSITION_REAR_CENTER),
        (.frontLeftCenter, PA_CHANNEL_POSITION_FRONT_LEFT_OF_CENTER),
        (.frontRightCenter, PA_CHANNEL_POSITION_FRONT_RIGHT_OF_CENTER),
    ]

    static func pulseMap(_ map: ChannelMap) -> pa_channel_map {
        var result = pa_channel_map()
        pa_channel_map_init(&result)
        result.channels = UInt8(map.channels)
        withUnsafeMutableBytes(of: &result.map) { raw in
            raw.withMemoryRebound(to: pa_channel_position_t.self) { target in
                for (index, position) in map.positions.enumerated() {
                    let auxiliary = pa_channel_position_t(PA_CHANNEL_POSITION_AUX0.rawValue + Int32(index))
                    target[index] = names.first { $0.0 == position }?.1 ?? auxiliary
                }
            }
        }
        return result
    }

    /// Of a sink: at most the eight channels that a stream can have.
    static func map(of map: pa_channel_map) -> ChannelMap {
        let count = min(Int(map.channels), 8)
        let positions = withUnsafeBytes(of: map.map) { raw in
            raw.withMemoryRebound(to: pa_channel_position_t.self) { source in
                source.prefix(count).map { position in names.first { $0.1 == position }?.0 ?? .unknown }
            }
        }
        return ChannelMap(positions) ?? ChannelMap.standard(channels: max(1, count)) ?? ChannelMap.stereo
    }
}
