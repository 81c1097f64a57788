internal import CLinux
internal import Glibc

/// This process's claim on processors and disks.
public enum Priority {
    /// From now on only what nobody else wants: for work that nobody waits for.
    public static func lower() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        csys_idle_io()
    }
}
