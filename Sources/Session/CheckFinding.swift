internal import LinuxSystem

/// One thing that stands, or might stand, in the way of a session at a host.
public struct CheckFinding: Codable, Sendable, Equatable {
    public enum Verdict: String, Codable, Sendable {
        /// Nothing in the way.
        case ok
        /// It can be done, but not everywhere, or not all of it.
        case limited
        /// This host cannot.
        case refused
    }

    /// `kernel`, `criu`, `runc`, `cpu`, `memory`, `network`, `files`, `space`, `display`, `sound`.
    public var topic: String
    public var verdict: Verdict
    public var finding: String
    public var remedy: String?

    init(_ topic: String, _ verdict: Verdict, _ finding: String, remedy: String? = nil) {
        self.topic = topic
        self.verdict = verdict
        self.finding = finding
        self.remedy = remedy
    }
}

extension [CheckFinding] {
    /// Throws the first thing that is in the way.
    func requireNoRefusal(to action: String, _ subject: String) throws(Failure) {
        if let refusal = first(where: { $0.verdict == .refused }) {
            throw Failure(action, subject, refusal.finding, remedy: refusal.remedy)
        }
    }

    /// What a person should know of who does it all the same.
    var warnings: [String] {
        filter { $0.verdict == .limited }.map { $0.finding + ($0.remedy.map { "; \($0)" } ?? "") }
    }
}
