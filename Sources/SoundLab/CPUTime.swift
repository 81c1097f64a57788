internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Processor time as the kernel's scheduler counts it, to the nanosecond and not in ticks.
public enum CPUTime {
    /// Of all threads that process `pid` has now, ns. 0 when there is no such process.
    public static func nanoseconds(of pid: Int32) -> UInt64 {
        let tasks = FilePath("/proc/\(pid)/task")
        return ((try? Files.list(tasks)) ?? []).reduce(0) { sum, task in
            // "time-on-cpu time-waiting timeslices"
            let text = (try? Files.read(tasks.appending("\(task)/schedstat"), limit: 256)) ?? []
            let first = String(decoding: text, as: UTF8.self).split(separator: " ").first
            return sum + (first.flatMap { UInt64($0) } ?? 0)
        }
    }

    /// Of all children that have been waited for, ns.
    public static var ofChildren: UInt64 {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return UInt64(seconds) * 1_000_000_000 + UInt64(microseconds) * 1000
    }

    /// Of everything that runs, or ran, in a cgroup, ns; `nil` where neither hierarchy counts it.
    public static func nanoseconds(ofCgroup path: String) -> UInt64? {
        if let text = try? Files.read(FilePath("/sys/fs/cgroup/cpuacct" + path + "/cpuacct.usage"), limit: 64) {
            return UInt64(String(decoding: text, as: UTF8.self).filter { $0.isNumber })
        }
        guard let text = try? Files.read(FilePath("/sys/fs/cgroup" + path + "/cpu.stat"), limit: 4096) else {
            return nil
        }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("usage_usec ") {
            return UInt64(line.dropFirst(11)).map { $0 * 1000 }
        }
        return nil
    }
}
