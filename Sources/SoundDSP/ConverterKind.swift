/// The rate converters there are, by the names that the command line and the records use.
public enum ConverterKind: String, CaseIterable, Codable, Sendable {
    /// `PolyphaseConverter`.
    case polyphase
    /// `SampleRateConverter` with libsamplerate's three sinc converters.
    case samplerateFastest = "samplerate-fastest"
    case samplerateMedium = "samplerate-medium"
    case samplerateBest = "samplerate-best"

    /// The one to use unless told otherwise; docs/converters.md has the figures it was chosen by.
    public static let standard = ConverterKind.polyphase

    /// Makes one for 1...8 interleaved channels. Allocates, and may compute a filter: not RT safe.
    public func make(ratio: RateRatio, channels: Int) throws(ConverterFailure) -> any RateConverter {
        switch self {
        case .polyphase: try PolyphaseConverter(ratio: ratio, channels: channels)
        case .samplerateFastest: try SampleRateConverter(ratio: ratio, channels: channels, quality: .fastest)
        case .samplerateMedium: try SampleRateConverter(ratio: ratio, channels: channels, quality: .medium)
        case .samplerateBest: try SampleRateConverter(ratio: ratio, channels: channels, quality: .best)
        }
    }
}
