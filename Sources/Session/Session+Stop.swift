internal import DeviceStore
public import LinuxSystem
internal import Pod

extension Session {
    /// Ends the pod's programs, and with them the session: SIGTERM, and SIGKILL to what is left after the grace.
    ///
    /// - Parameter discarding: also ends a suspended session, whose programs are only on the device.
    /// - Returns: why the end could not be recorded on the device, which is gone; `nil` when all is well.
    public func stop(graceSeconds: Int, discarding: Bool) throws -> Failure? {
        var pod = try PodRuntime.open(store, in: runtime, to: "stop", needsDevice: false)
        guard let state = pod.state, state.phase == .running, let process = state.initProcess else {
            try discard(pod, discarding)
            return nil
        }
        let patience = (graceSeconds + 15) * 1000
        do {
            var client = try root(state).connect(answerTimeout: .seconds(5))
            try client.shutdown(grace: .seconds(graceSeconds))
            // Pod-init's own patience with what hangs comes after the grace.
            _ = process.waitForEnd(milliseconds: patience)
        } catch {
            // A pod that has made its init unreachable is asked one by one.
            let cgroup = Cgroup(path: "/mediapod/\(pod.folder.containerID)")
            for pid in cgroup.processes where pid != process.pid { ProcessIdentity(of: pid)?.signal(15) }
            _ = Wait.until(milliseconds: graceSeconds * 1000) { cgroup.processes.count <= 1 }
        }
        // Whatever became of it, it was stopped by us, which is an orderly end.
        let status = ProcessStatus(pid: process.pid).flatMap { $0.startTime == process.startTime ? $0.exitStatus : nil }
        var ended = ExitStatus.exited(128 + 9)
        if let status, case .exited = status { ended = status }
        if case .deviceLost(let failure) = try CleanEnd.record(&pod, status: ended) { return failure }
        return nil
    }

    private func discard(_ pod: borrowing PodRuntime, _ discarding: Bool) throws {
        try store.requireUnowned(besides: runtime.path)
        guard let manifest = try? store.currentSession() else {
            if discarding, try store.currentSessionNumber() != nil { return try store.endSession() }
            throw Failure("stop", "pod \(store.name)", "it is not running")
        }
        guard discarding else {
            throw Failure(
                "stop", "pod \(store.name)", "it is not running, it has a suspended session",
                remedy:
                    "resume it with: mediapod resume \(store.name); or end it with: mediapod stop --discard \(store.name)"
            )
        }
        try store.setFileStack(manifest.layers)
        try store.endSession()
    }
}
