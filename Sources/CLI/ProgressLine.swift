public import ArgumentParser
internal import LinuxSystem

/// How a long operation says on standard error how far it is.
public enum ProgressForm: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// For a person.
    case line
    /// For a program: a `ProgressRecord` a line.
    case json
    case none
}

/// `--progress line|json|none`
public struct ProgressOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How to say on standard error how far it is: as a line, as lines of JSON, or not at all.",
            valueName: "line|json|none"))
    public var progress: ProgressForm = .line

    public init() {}
}

/// One line of `--progress json`: at the beginning of each stage, then at most ten times a second, and at its end.
struct ProgressRecord: Encodable {
    /// What is being done, the words that a person is shown.
    var stage: String
    /// Since the stage began, s.
    var elapsed: Double
    /// Of the stage, where that is known, in bytes.
    var done: UInt64?
    var total: UInt64?
    /// What the stage will still take if it goes on like this, s; not before there is something to go by.
    var eta: Double?
}

/// What a long operation is doing, on standard error: one line that is rewritten on a terminal, a line per stage
/// elsewhere. Nothing is shown of what takes less than a moment. As JSON, everything is.
public final class ProgressLine {
    private let clock = SuspendingClock()
    private let form: ProgressForm
    private let rewrites: Bool
    private let write: (String) -> Void
    private let begin: SuspendingClock.Instant
    private var stage = ""
    private var stageBegin: SuspendingClock.Instant
    private var shown = ""
    private var announced = ""
    private var lastDraw: SuspendingClock.Instant?
    /// What a program has not been told yet.
    private var pending: ProgressRecord?

    /// What is over sooner is not worth a line.
    private static let quiet: Duration = .seconds(1)

    public convenience init(_ form: ProgressForm = .line) {
        self.init(form, rewrites: Terminal.isErrorTerminal) { Terminal.writeError($0) }
    }

    package init(_ form: ProgressForm = .line, rewrites: Bool, write: @escaping (String) -> Void) {
        self.form = form
        self.rewrites = rewrites
        self.write = write
        begin = clock.now
        stageBegin = begin
    }

    deinit {
        finish()
    }

    /// The operation goes over to `stage`, a few words: "installing packages".
    public func stage(_ stage: String) {
        guard stage != self.stage else { return }
        tellPending()
        self.stage = stage
        stageBegin = clock.now
        lastDraw = nil
        tick()
    }

    /// `done` of `total` bytes of the stage.
    public func update(done: UInt64, total: UInt64) {
        guard total > 0 else { return tick() }
        let elapsed = clock.now - stageBegin
        // The first moments say little of the rest.
        let remaining =
            elapsed > .seconds(2) && done > 0 && done < total
            ? elapsed / Double(done) * Double(total - done) : nil
        switch form {
        case .line:
            let percent = min(100, done / max(1, total / 100))
            let text = "\(stage): \(percent) % of \(byteText(total))"
            show(text + (remaining.map { ", \($0.components.seconds + 1) s left" } ?? ""))
        case .json:
            tell(
                ProgressRecord(
                    stage: stage, elapsed: elapsed.roundedSeconds, done: done, total: total,
                    eta: remaining?.roundedSeconds))
        case .none: break
        }
    }

    /// Nothing new, but time goes by.
    public func tick() {
        let elapsed = clock.now - stageBegin
        switch form {
        case .line:
            let seconds = elapsed.components.seconds
            show(seconds > 1 ? "\(stage): \(seconds) s" : stage)
        case .json: tell(ProgressRecord(stage: stage, elapsed: elapsed.roundedSeconds))
        case .none: break
        }
    }

    /// Takes the line away.
    public func finish() {
        if rewrites, !shown.isEmpty { write("\r\u{1b}[K") }
        shown = ""
        tellPending()
    }

    private func tell(_ record: ProgressRecord) {
        pending = record
        if let lastDraw, clock.now - lastDraw < .milliseconds(100) { return }
        tellPending()
    }

    private func tellPending() {
        guard let record = pending, let line = try? JSONText.encode(record, pretty: false) else { return }
        pending = nil
        lastDraw = clock.now
        write(String(decoding: line, as: UTF8.self))
    }

    private func show(_ text: String) {
        let now = clock.now
        guard now - begin >= Self.quiet || stage != announced && !announced.isEmpty else { return }
        if rewrites {
            // As often as an eye follows.
            if let lastDraw, now - lastDraw < .milliseconds(100), stage == announced { return }
            guard text != shown else { return }
            lastDraw = now
            write("\r\(text.prefix(max(Terminal.columns - 1, 20)))\u{1b}[K")
            shown = text
        } else if stage != announced {
            write("\(stage)\n")
        }
        announced = stage
    }
}

extension Duration {
    /// Seconds, to a hundredth.
    fileprivate var roundedSeconds: Double { (self / .milliseconds(10)).rounded() / 100 }
}
