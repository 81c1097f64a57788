internal import LinuxSystem
package import Pod
package import SoundControl
internal import Synchronization

/// What a person wants to know of a pod's sound beside its picture. Its broker is asked now and then, on a thread that
/// lives as long as one question: one that does not answer holds up no picture.
package final class PodSound {
    private let broker: BrokerClient
    private let answer = Answer()
    private var question: DoneSignal?
    private var next: UInt64 = 0
    private(set) var text: String?

    /// How often what sounds and what is quiet is looked at, ns.
    private static let soundingPause: UInt64 = 1_000_000_000
    private static let quietPause: UInt64 = 4_000_000_000
    private static let timeoutSeconds = 2

    private final class Answer: Sendable { let text = Mutex<String?>(nil) }

    package init(_ folder: PodFolder) { broker = BrokerClient(socket: folder.brokerControl) }

    /// Called now and then; gives what is known by now.
    package func look() -> String? {
        if let text = answer.text.withLock({ $0.take() }) {
            self.text = text
            question = nil
            next = MonotonicClock.nanoseconds + (text == Self.quiet ? Self.quietPause : Self.soundingPause)
        }
        if question == nil, MonotonicClock.nanoseconds >= next {
            let question = DoneSignal()
            question.run { [broker, answer] in
                let reply = Result { try broker.request(.status, timeoutSeconds: Self.timeoutSeconds) }
                answer.text.withLock { $0 = Self.text(of: reply) }
            }
            self.question = question
        }
        return text
    }

    private static let quiet = "quiet"

    private static func text(of reply: Result<BrokerReply, any Error>) -> String {
        guard case .success(.status(let status)) = reply else { return "no sound: its broker does not answer" }
        return text(of: status)
    }

    /// "sound: mpg123, mpv (muted)"
    package static func text(of status: BrokerStatus) -> String {
        let playing = status.streams.filter { $0.configuration.direction == .playback }
        if let reason = playing.lazy.compactMap(\.reason).first { return "no sound: \(reason)" }
        let sounding = playing.filter { $0.state == "running" || $0.state == "draining" }
        guard !sounding.isEmpty else { return quiet }
        let names = Set(sounding.map(\.program)).sorted()
        let programs = names.count <= 2 ? names.joined(separator: ", ") : "\(names.count) programs"
        let volume = status.mixer.playback
        let loudness =
            status.mixer.playbackMuted ? " (muted)" : volume < 1 ? " (\(Int((volume * 100).rounded())) %)" : ""
        return "sound: " + programs + loudness
    }
}
