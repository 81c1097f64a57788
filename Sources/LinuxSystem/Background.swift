internal import Synchronization

/// Work on a thread of its own beside what this one does. Whoever starts it waits for it: it never outlives this value.
public final class Background<Value: Sendable>: Sendable {
    private let outcome = Outcome()
    private let thread = DoneSignal()

    /// Not in this object itself, whose last reference may be going while the thread is at work.
    private final class Outcome: Sendable { let result = Mutex<Result<Value, any Error>?>(nil) }

    public init(_ work: @escaping @Sendable () throws -> Value) {
        thread.run { [outcome] in
            let result = Result { try work() }
            outcome.result.withLock { $0 = result }
        }
    }

    deinit { thread.wait() }

    public var isDone: Bool { outcome.result.withLock { $0 != nil } }

    /// Waits until `condition` holds or it is done; throws what came of it when that is an error.
    public func wait(until condition: () -> Bool) throws {
        while !condition() {
            if let result = outcome.result.withLock({ $0 }) {
                _ = try result.get()
                return
            }
            _ = Wait.until(milliseconds: 50) { condition() || isDone }
        }
    }

    /// What came of it.
    ///
    /// - Parameter meanwhile: called some twenty times a second as long as it takes.
    public func value(_ meanwhile: () -> Void = {}) throws -> Value {
        while !thread.wait(milliseconds: 50) { meanwhile() }
        guard let result = outcome.result.withLock({ $0 }) else { preconditionFailure("its thread has ended") }
        return try result.get()
    }
}
