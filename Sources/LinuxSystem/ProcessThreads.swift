internal import CLinux

/// What other processes are doing.
public enum ProcessThreads {
    /// Who traces a process: 0 for nobody, `nil` when it is gone.
    public static func tracer(of process: Int32) -> Int32? {
        let tracer = csys_tracer_of(process)
        return tracer < 0 ? nil : tracer
    }

    /// Whether a thread of the process waits in that function of the kernel. A frozen one is where it was before.
    public static func anyWaits(in function: String, of process: Int32) -> Bool {
        csys_thread_waits_in(process, function) == 1
    }
}
