internal import CPulse

/// What was asked of the server and not answered yet: cancelled when who asked is gone, or a late answer would find nobody.
struct PulseOperations {
    private var running: [OpaquePointer] = []

    /// Holds an operation until it is done; false when it could not be begun.
    @discardableResult
    mutating func keep(_ operation: OpaquePointer?) -> Bool {
        running.removeAll { operation in
            guard pa_operation_get_state(operation) != PA_OPERATION_RUNNING else { return false }
            pa_operation_unref(operation)
            return true
        }
        guard let operation else { return false }
        running.append(operation)
        return true
    }

    mutating func cancelAll() {
        for operation in running {
            pa_operation_cancel(operation)
            pa_operation_unref(operation)
        }
        running = []
    }
}
