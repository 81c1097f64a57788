/// Why a rate converter could not be made.
public enum ConverterFailure: Error, Equatable, CustomStringConvertible {
    case outOfMemory
    /// The rates have so little in common that the filter's table would be too large.
    case tooManyPhases(RateRatio)

    public var description: String {
        switch self {
        case .outOfMemory: "no memory for a sample rate converter"
        case .tooManyPhases(let ratio):
            "the sample rates' ratio \(ratio) needs too large a filter; use one of the libsamplerate converters"
        }
    }
}
