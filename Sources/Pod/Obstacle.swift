internal import LinuxSystem
internal import SystemPackage

/// Something of a pod's that cannot be dumped, or not be restored, told in one line that names the process.
public struct Obstacle: Error, Sendable, CustomStringConvertible {
    public let description: String

    /// "process 7 (less) has …"
    init(_ process: PodProcess?, _ what: String) {
        description = (process.map { "process \($0.pid) (\($0.command))" } ?? "a process") + " \(what)"
    }

    init(_ sentence: String) { description = sentence }

    /// CRIU has to attach to every process as a debugger does, and a process has at most one.
    static func requireUntraced(_ processes: [Int32], _ list: () -> [PodProcess]) throws {
        for process in processes {
            guard let tracer = ProcessThreads.tracer(of: process), tracer != 0 else { continue }
            let all = list()
            let name = all.first { $0.hostPID == tracer }.map { " by process \($0.pid) (\($0.command))" } ?? ""
            throw Obstacle(all.first { $0.hostPID == process }, "is being traced\(name)")
        }
    }
}
