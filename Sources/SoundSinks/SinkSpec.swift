public import SystemPackage

/// Where a pod's sound goes, as the user says it: `pulse`, `pulse:SERVER`, `file:PATH.wav` or `null`.
public enum SinkSpec: Sendable, Equatable, CustomStringConvertible {
    /// A PulseAudio server by its address; the caller's own when there is none.
    case pulse(server: String?)
    /// A WAV file that is written as fast as it would be heard.
    case file(FilePath)
    /// Nowhere, as fast as it would be heard.
    case null

    public struct Unknown: Error, CustomStringConvertible {
        let text: String
        public var description: String {
            "\"\(text)\" is no sound sink; use pulse, pulse:SERVER, file:PATH.wav or null"
        }
    }

    public init(_ text: String) throws(Unknown) {
        switch text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init) {
        case ["pulse"]: self = .pulse(server: nil)
        case ["null"]: self = .null
        case let parts where parts.count == 2 && parts[0] == "pulse" && !parts[1].isEmpty:
            self = .pulse(server: parts[1])
        case let parts where parts.count == 2 && parts[0] == "file" && !parts[1].isEmpty:
            self = .file(FilePath(parts[1]))
        default: throw Unknown(text: text)
        }
    }

    public var description: String {
        switch self {
        case .pulse(nil): "pulse"
        case .pulse(let server?): "pulse:\(server)"
        case .file(let path): "file:\(path)"
        case .null: "null"
        }
    }
}
