internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// Brings a pod's state and the facts together, whatever was killed when. Runs at the beginning of every command that
/// changes a pod, under its lock: what a killed engine left running (runc, CRIU) holds the lock until it has ended, so
/// nothing changes meanwhile.
enum Repair {
    static func run(_ pod: inout PodRuntime) throws {
        guard let state = pod.state else {
            // Killed before it wrote its first state, or after it removed its last.
            if hasLeftovers(pod.folder) { try Teardown.run(pod) }
            return
        }
        if state.bootID != RuntimeState.currentBootID { return try afterReboot(&pod, state) }
        switch state.phase {
        case .stopped: if hasLeftovers(pod.folder) { try Teardown.run(pod) }
        case .starting, .resuming: try giveUp(&pod, state)
        case .suspending: try finishOrUndo(&pod, state)
        case .checkpointing: try keepRunning(&pod, try undoCheckpoint(&pod, state))
        case .running:
            let isClean = state.writingSession == nil && state.copiedLayer == nil
            try keepRunning(&pod, isClean ? state : try undoCheckpoint(&pod, state))
        }
    }

    private static func hasLeftovers(_ folder: PodFolder) -> Bool {
        let names = (try? Files.list(folder.path)) ?? []
        let own = [folder.lock.lastComponent?.string, folder.state.lastComponent?.string]
        return names.contains { !own.contains($0) }
    }

    /// The host went down with the pod running: its session is as it was suspended last, the files written since are kept
    /// in their layer.
    private static func afterReboot(_ pod: inout PodRuntime, _ state: RuntimeState) throws {
        let ran = state.phase == .running || state.phase == .checkpointing
        if ran, (try? pod.store.currentSessionNumber()) == Int?.none {
            try? pod.store.setFileStack(state.layers)
        }
        try Teardown.run(pod)
        try pod.forget()
    }

    /// A start or resume that did not come to its end: nothing of it counts.
    private static func giveUp(_ pod: inout PodRuntime, _ state: RuntimeState) throws {
        try Teardown.run(pod)
        if let layer = state.newLayer { try? pod.store.removeUnusedLayer(layer) }
        try pod.forget()
    }

    /// The rename of `current` on the device decides.
    private static func finishOrUndo(_ pod: inout PodRuntime, _ state: RuntimeState) throws {
        if let writing = state.writingSession, (try? pod.store.currentSessionNumber()) == writing,
            (try? pod.store.syncCurrentSession()) != nil
        {
            // It is not only in the kernel's memory: what runs may go.
            try Teardown.run(pod, connections: .reset)
            try pod.forget()
            return
        }
        guard state.initProcess?.isAlive == true else { return try keepRunning(&pod, state) }
        if let writing = state.writingSession { try? pod.store.removeUncommitted(session: writing) }
        Thaw.run(pod.folder, state)
        var new = state
        new.phase = .running
        new.writingSession = nil
        try pod.save(new)
        try keepRunning(&pod, new)
    }

    /// What a killed engine left of a checkpoint, unless it was committed: then all of it stays.
    private static func undoCheckpoint(_ pod: inout PodRuntime, _ state: RuntimeState) throws -> RuntimeState {
        if let writing = state.writingSession { try? pod.store.removeUncommitted(session: writing) }
        if state.phase == .checkpointing {
            Thaw.run(pod.folder, state)
        } else {
            ImageFolder(folder: pod.folder).unmount()
        }
        // Throws when a session needs it.
        if let copy = state.copiedLayer { try? pod.store.removeLayer(copy) }
        var new = state
        new.phase = .running
        new.writingSession = nil
        new.copiedLayer = nil
        try pod.save(new)
        return new
    }

    private static func keepRunning(_ pod: inout PodRuntime, _ state: RuntimeState) throws {
        guard state.initProcess?.isAlive == true else {
            // A supervisor that waits for the lock knows how the pod ended; without one nobody does.
            if let supervisor = state.supervisor, supervisor.isAlive, let process = state.initProcess {
                try CleanEnd.record(&pod, status: Self.status(of: process))
                return
            }
            try CleanEnd.record(&pod, status: nil)
            return
        }
        guard state.supervisor?.isAlive != true else { return }
        var new = state
        new.supervisor = try SupervisorProcess.adopt(pod, state)
        try pod.save(new)
    }

    /// How a zombie ended, that its parent has not asked yet: field 52 of `/proc/PID/stat`.
    private static func status(of process: ProcessIdentity) -> ExitStatus? {
        ProcessStatus(pid: process.pid).flatMap { $0.startTime == process.startTime ? $0.exitStatus : nil }
    }
}

/// Undoes what a suspend did to a running pod before its commit.
enum Thaw {
    static func run(_ folder: PodFolder, _ state: RuntimeState) {
        letGo(folder, state)
        ImageFolder(folder: folder).unmount()
    }

    /// The images stay.
    static func letGo(_ folder: PodFolder, _ state: RuntimeState) {
        let cgroup = Cgroup(path: folder.cgroupPath)
        if let process = state.initProcess {
            Criu.undoDump(in: ImageFolder(folder: folder).forCriu, of: process, cgroup)
        }
        attachSound(folder, state)
        try? cgroup.thaw()
    }

    static func attachSound(_ folder: PodFolder, _ state: RuntimeState) {
        guard let broker = state.broker, broker.isAlive else { return }
        _ = try? BrokerClient(socket: folder.brokerControl).request(.attach)
    }
}
