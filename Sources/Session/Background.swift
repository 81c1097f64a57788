internal import LinuxSystem
internal import Synchronization

/// Work on a thread of its own beside what this one does. Whoever starts it waits for it: it never outlives this value.
final class Background<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let thread = DoneSignal()

    init(_ work: @escaping @Sendable () throws -> Value) {
        // Not the value itself: its last reference must not go on its own thread.
        thread.run { [unowned self] in
            let result = Result { try work() }
            outcome.withLock { $0 = result }
        }
    }

    deinit { thread.wait() }

    /// What came of it.
    ///
    /// - Parameter meanwhile: called some twenty times a second as long as it takes.
    func value(_ meanwhile: () -> Void = {}) throws -> Value {
        while outcome.withLock({ $0 == nil }) {
            meanwhile()
            _ = Wait.until(milliseconds: 50) { outcome.withLock { $0 != nil } }
        }
        thread.wait()
        guard let result = outcome.withLock({ $0 }) else { preconditionFailure("its thread has ended") }
        return try result.get()
    }
}
