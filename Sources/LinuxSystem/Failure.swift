public import SystemPackage

/// An error that a person reads: what failed, on what, why, and what they can do, in one line.
///
///     cannot suspend pod x: the device is full (needs 23 MB, 4 MB free); free some space, the session runs on
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was being done, a verb: `suspend`. Without one the line begins with `subject`.
    public let action: String?
    /// What it was done to, or what is wrong: `pod x`. Empty where the reason is a sentence of its own.
    public let subject: String
    public let reason: String
    /// What the person can do; `nil` where the reason says it.
    public let remedy: String?
    /// The system's own error, for a caller that decides by it.
    public let cause: Errno?

    private init(action: String?, subject: String, reason: String, remedy: String?, cause: Errno?) {
        self.action = action
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
        self.cause = cause
    }

    /// "cannot `action` `subject`: `reason`; `remedy`"
    public init(_ action: String, _ subject: String, _ reason: String, remedy: String? = nil, cause: Errno? = nil) {
        self.init(action: action, subject: subject, reason: reason, remedy: remedy, cause: cause)
    }

    /// "`subject`: `reason`; `remedy`"
    public init(_ subject: String, _ reason: String, remedy: String? = nil, cause: Errno? = nil) {
        self.init(action: nil, subject: subject, reason: reason, remedy: remedy, cause: cause)
    }

    /// "`sentence`; `remedy`"
    public init(sentence: String, remedy: String? = nil, cause: Errno? = nil) {
        self.init(action: nil, subject: "", reason: sentence, remedy: remedy, cause: cause)
    }

    /// "cannot `action` `subject`: no space left on device"
    public init(_ action: String, _ subject: String, _ cause: Errno, remedy: String? = nil) {
        let usual = cause == .readOnlyFileSystem ? "mount it writable" : nil
        self.init(
            action: action, subject: subject, reason: Self.text(of: cause), remedy: remedy ?? usual, cause: cause)
    }

    /// Always one line, whatever was put in: text from files and programs may carry line ends and escapes.
    public var description: String {
        Self.oneLine(statement + (remedy.map { "; \($0)" } ?? ""))
    }

    /// All but the remedy.
    public var statement: String {
        if let action { return "cannot \(action) \(subject): \(reason)" }
        return subject.isEmpty ? reason : "\(subject): \(reason)"
    }

    /// The same failure told as part of something larger: "cannot resume pod x: session 3: state is truncated".
    public func during(_ action: String, _ subject: String) -> Failure {
        Failure(action, subject, statement, remedy: remedy, cause: cause)
    }

    /// The same failure, and what it is about: "session 3 of pod x: filter zstd: ended with exit code 1".
    public func of(_ subject: String) -> Failure {
        Failure(subject, statement, remedy: remedy, cause: cause)
    }

    /// The C library's message, beginning as the rest of a sentence does.
    public static func text(of error: Errno) -> String {
        let text = error.description
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    /// `text` with every run of control characters replaced by one space.
    public static func oneLine(_ text: String) -> String {
        text.split { $0.unicodeScalars.allSatisfy { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) } }
            .joined(separator: " ")
    }
}

/// Runs `body`, whose system errors become "cannot `action` `subject`: …".
public func attempt<Result: ~Copyable>(_ action: String, _ subject: String, _ body: () throws(Errno) -> Result)
    throws(Failure) -> Result
{
    do { return try body() } catch { throw Failure(action, subject, error) }
}
