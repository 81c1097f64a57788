internal import Glibc
internal import SystemPackage

/// One start of a program (an execve): the same for all processes that were forked from it, and after a checkpoint and
/// restore; hardly ever the same as another, as the kernel puts each stack somewhere else.
public struct ProgramStart: Codable, Hashable, Sendable {
    /// The program's file, where it runs; of a process that has been seen to be a pod's, the pod's word.
    public var program: String
    /// Where the stack began.
    public var stack: UInt64

    public init(program: String, stack: UInt64) {
        self.program = program
        self.stack = stack
    }

    /// That of a running process; `nil` when it has ended. Needs root for another user's.
    public init?(of pid: Int32) {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/\(pid)/exe", &path, path.count)
        guard count > 0, let status = ProcessStatus(pid: pid), !status.isDead else { return nil }
        program = Failure.oneLine(String(decoding: path[..<count], as: UTF8.self))
        stack = status.stackStart
    }
}
