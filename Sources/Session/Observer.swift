internal import LinuxSystem

/// Whoever shows how far a suspend or resume is.
public struct Observer {
    /// "writing the session"
    public var stage: (String) -> Void
    /// Bytes done of the stage, and all.
    public var bytes: (UInt64, UInt64) -> Void
    /// Whether the user wants it to end; asked between the stages, as long as nothing is decided.
    public var isInterrupted: () -> Bool

    public init(
        stage: @escaping (String) -> Void = { _ in }, bytes: @escaping (UInt64, UInt64) -> Void = { _, _ in },
        isInterrupted: @escaping () -> Bool = { false }
    ) {
        self.stage = stage
        self.bytes = bytes
        self.isInterrupted = isInterrupted
    }
}

/// How long each part of an operation took.
struct Stopwatch {
    private let start = MonotonicClock.nanoseconds
    private var last: UInt64

    init() { last = start }

    /// ms since the last call, or the beginning.
    mutating func lap() -> Double {
        let now = MonotonicClock.nanoseconds
        defer { last = now }
        return Self.milliseconds(now - last)
    }

    /// ms since the beginning.
    var total: Double { Self.milliseconds(MonotonicClock.nanoseconds - start) }

    private static func milliseconds(_ nanoseconds: UInt64) -> Double {
        (Double(nanoseconds) / 10_000).rounded() / 100
    }
}
