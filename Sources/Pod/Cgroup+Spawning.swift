internal import Glibc
internal import LinuxSystem

/// Processes that wait in vfork(2), as posix_spawn(3) has them do, until the process that they have begun begins a program
/// or ends.
///
/// The kernel lets such a one take no signal but a deadly one, and no debugger has it stop. CRIU holds the process that it
/// waits for, and gives up after ten seconds. It lasts a moment as a rule, longer where the program has to be read first.
extension Cgroup {
    /// For how long a program may be about to begin, ns.
    private static let spawnPatience: UInt64 = 1_000_000_000

    /// Freezes it at a moment at which nobody waits so. Throws an `Obstacle` when there is none, with all frozen.
    ///
    /// - Parameter list: what is told of its processes.
    public func freezeForDump(_ list: () -> [PodProcess]) throws {
        let end = MonotonicClock.nanoseconds + Self.spawnPatience
        var pause: UInt32 = 1000
        while true {
            try freeze()
            guard let process = processes.first(where: Self.isSpawning) else { return }
            guard MonotonicClock.nanoseconds < end else {
                throw Obstacle(
                    list().first { $0.hostPID == process },
                    "waits in vfork(2) for its child to begin a program")
            }
            try thaw()
            usleep(pause)
            pause = min(2 * pause, 50_000)
        }
    }

    private static func isSpawning(_ process: Int32) -> Bool {
        ProcessThreads.anyWaits(in: "kernel_clone", of: process)
    }
}
