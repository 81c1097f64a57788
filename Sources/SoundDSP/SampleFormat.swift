/// How one sample lies in memory: little-endian, signed, full scale at the type's own limits.
public enum SampleFormat: Sendable, Equatable, CaseIterable {
    /// 16-bit integers. ALSA's S16_LE.
    case s16
    /// 24-bit integers in three bytes. ALSA's S24_3LE.
    case s24Packed
    /// 24-bit integers in the low three bytes of four; the top byte may hold anything. ALSA's S24_LE.
    case s24
    /// 32-bit integers. ALSA's S32_LE.
    case s32
    /// 32-bit floating point, full scale ±1. ALSA's FLOAT_LE.
    case float32

    /// Bytes of one sample.
    public var bytes: Int {
        switch self {
        case .s16: 2
        case .s24Packed: 3
        case .s24, .s32, .float32: 4
        }
    }
}
