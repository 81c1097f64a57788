internal import DeviceStore
internal import LinuxSystem
internal import Pod

/// The end of a pod that was not suspended.
enum CleanEnd {
    /// What became of it on the device.
    enum Outcome {
        case recorded
        /// The device cannot be written to: when it is back, the pod is where its last suspend left it, and what was
        /// written since is kept as after a crash.
        case deviceLost(Failure)
    }

    /// Takes away what is left of the pod and records how it ended.
    ///
    /// An orderly end (pod-init itself ended, with an exit code) ends the session: the next run begins with the files as
    /// they are. After a crash the session on the device stays, with the files of its moment; what was written since is
    /// kept in a layer of its own.
    ///
    /// - Parameter status: `nil` when nobody knows.
    @discardableResult
    static func record(_ pod: inout PodRuntime, status: ExitStatus?, supervisor: Bool = true) throws -> Outcome {
        guard var state = pod.state else { return .recorded }
        try Teardown.run(pod, supervisor: supervisor, connections: .finished)
        var isOrderly = false
        if case .exited(let code)? = status {
            isOrderly = true
            state.exitCode = code
        }
        var outcome = Outcome.recorded
        do {
            // Without a session to go back to, the files as they are, are all there is.
            if try isOrderly || pod.store.currentSessionNumber() == nil {
                try pod.store.setFileStack(state.layers)
                if isOrderly { try pod.store.endSession() }
            }
        } catch let failure as Failure {
            // Here it has ended all the same.
            outcome = .deviceLost(failure)
        }
        state.phase = .stopped
        state.initProcess = nil
        state.supervisor = nil
        state.broker = nil
        state.newLayer = nil
        try pod.save(state)
        return outcome
    }
}
