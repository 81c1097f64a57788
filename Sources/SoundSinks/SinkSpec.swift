public import SystemPackage

/// Where a pod's sound goes, as the user says it: `pulse[:SERVER][@SINK]`, `alsa[:PCM]`, `file:PATH.wav` or `null`.
public enum SinkSpec: Sendable, Equatable, CustomStringConvertible {
    /// A PulseAudio server by its address, the caller's own when there is none, and a sink of it by name, its default one
    /// when there is none.
    case pulse(server: String?, sink: String?)
    /// An ALSA PCM of the host, by name.
    case alsa(String)
    /// A WAV file that is written as fast as it would be heard.
    case file(FilePath)
    /// Nowhere, as fast as it would be heard.
    case null

    public struct Unknown: Error, CustomStringConvertible {
        let text: String
        public var description: String {
            "\"\(text)\" is no sound sink; use pulse[:SERVER][@SINK], alsa[:PCM], file:PATH.wav or null"
        }
    }

    public init(_ text: String) throws(Unknown) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let rest = parts.count == 2 ? parts[1] : nil
        switch (parts.first ?? "", rest) {
        case ("null", nil): self = .null
        case ("alsa", nil): self = .alsa("default")
        case ("alsa", let pcm?) where !pcm.isEmpty: self = .alsa(pcm)
        case ("file", let path?) where !path.isEmpty: self = .file(FilePath(path))
        case ("pulse", nil): self = .pulse(server: nil, sink: nil)
        case ("pulse", let place?) where !place.isEmpty:
            let (server, sink) = try Self.serverAndSink(place, of: text)
            self = .pulse(server: server, sink: sink)
        case (let head, _) where head.hasPrefix("pulse@"):
            // A sink's name may have colons.
            self = .pulse(server: nil, sink: try Self.serverAndSink(String(text.dropFirst(5)), of: text).sink)
        default: throw Unknown(text: text)
        }
    }

    /// Whether it begins as one of these, rightly or not; a bare name of a sink does not.
    public static func isKind(_ text: String) -> Bool {
        let head = text.prefix { $0 != ":" && $0 != "@" }
        return head.isEmpty || ["pulse", "alsa", "file", "null"].contains(head)
    }

    /// The last `@` parts them, unless a path goes on behind it.
    private static func serverAndSink(_ place: String, of text: String) throws(Unknown) -> (
        server: String?, sink: String?
    ) {
        guard let at = place.lastIndex(of: "@"), !place[at...].contains("/") else { return (place, nil) }
        let sink = String(place[place.index(after: at)...])
        guard !sink.isEmpty else { throw Unknown(text: text) }
        return (at == place.startIndex ? nil : String(place[..<at]), sink)
    }

    public var description: String {
        switch self {
        case .pulse(let server, let sink): "pulse" + (server.map { ":\($0)" } ?? "") + (sink.map { "@\($0)" } ?? "")
        case .alsa(let pcm): "alsa:\(pcm)"
        case .file(let path): "file:\(path)"
        case .null: "null"
        }
    }
}
