internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Every processor of the machine kept busy by programs of ordinary priority, for as long as this lives.
public final class BusyProcessors {
    private var programs: [ChildProcess] = []

    public init(in folder: LabFolder) throws {
        let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        for _ in 0..<count {
            programs.append(
                try ChildProcess(
                    Command("sh", ["-c", "while :; do :; done"]), writingTo: folder.appending("busy.log")))
        }
    }

    deinit { stop() }

    public func stop() {
        for program in programs {
            program.kill()
            program.wait()
        }
        programs = []
    }
}
