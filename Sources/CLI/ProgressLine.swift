internal import LinuxSystem

/// What a long operation is doing, on standard error: one line that is rewritten on a terminal, a line per stage
/// elsewhere. Nothing is shown of what takes less than a moment.
public final class ProgressLine {
    private let clock = SuspendingClock()
    private let rewrites: Bool
    private let write: (String) -> Void
    private let begin: SuspendingClock.Instant
    private var stage = ""
    private var stageBegin: SuspendingClock.Instant
    private var shown = ""
    private var announced = ""
    private var lastDraw: SuspendingClock.Instant?

    /// What is over sooner is not worth a line.
    private static let quiet: Duration = .seconds(1)

    public convenience init() {
        self.init(rewrites: Terminal.isErrorTerminal) { Terminal.writeError($0) }
    }

    package init(rewrites: Bool, write: @escaping (String) -> Void) {
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
        self.stage = stage
        stageBegin = clock.now
        update(stage)
    }

    /// `done` of `total` bytes of the stage.
    public func update(done: UInt64, total: UInt64) {
        guard total > 0 else { return tick() }
        let percent = min(100, done / max(1, total / 100))
        var text = "\(stage): \(percent) % of \(byteText(total))"
        let elapsed = clock.now - stageBegin
        if elapsed > .seconds(2), done > 0, done < total {
            let remaining = elapsed / Double(done) * Double(total - done)
            text += ", \(remaining.components.seconds + 1) s left"
        }
        update(text)
    }

    /// Nothing new, but time goes by.
    public func tick() {
        let seconds = (clock.now - stageBegin).components.seconds
        update(seconds > 1 ? "\(stage): \(seconds) s" : stage)
    }

    /// Takes the line away.
    public func finish() {
        if rewrites, !shown.isEmpty { write("\r\u{1b}[K") }
        shown = ""
    }

    private func update(_ text: String) {
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
