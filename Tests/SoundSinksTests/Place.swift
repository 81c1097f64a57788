import SoundLab
import SystemPackage
import Testing

/// Every kind of sink, at something real.
enum Place: String, CaseIterable, CustomTestStringConvertible {
    case pulseAudio
    case pipeWire
    /// A PCM whose card is a PulseAudio: with a buffer, a latency and a pace of its own.
    case alsa
    /// One that plays as fast as it is written to, cannot be polled, and writes down what it plays.
    case alsaFile
    /// The same, and it records.
    case alsaNull
    case waveFile
    case nowhere

    var testDescription: String { rawValue }

    /// Whether what is played there is heard by the test.
    var isHeard: Bool { self != .alsaNull && self != .nowhere }

    enum Source {
        /// Records what is played.
        case sound
        case silence
        case none
    }

    var source: Source {
        switch self {
        case .pulseAudio, .pipeWire, .alsa: .sound
        case .alsaNull, .waveFile, .nowhere: .silence
        case .alsaFile: .none
        }
    }

    /// The ALSA PCM that stands for a card.
    var pcm: String { "card" }

    /// An ALSA configuration that has it. `file` is what it writes.
    func alsaConfiguration(server: String, file: FilePath) -> String {
        switch self {
        case .alsaFile: "pcm.card { type file slave.pcm { type null } file \"\(file.string)\" format raw }"
        case .alsaNull: "pcm.card { type null }"
        default: "pcm.card { type pulse server \"\(server)\" }"
        }
    }
}
