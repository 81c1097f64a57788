internal import CLinux
internal import Glibc
public import LinuxSystem
internal import PodInitABI
public import SystemPackage

/// A running pod as seen from the host, through its first process.
public struct PodRoot: Sendable {
    public let initProcess: ProcessIdentity
    private let uidBase: UInt32

    public init(initProcess: ProcessIdentity, uidBase: UInt32) {
        self.initProcess = initProcess
        self.uidBase = uidBase
    }

    /// The pod's file system; names cannot lead out of it.
    public func folder() throws(Errno) -> RootedFolder {
        let folder = try RootedFolder(FilePath("/proc/\(initProcess.pid)/root"))
        // The number may have become another process's while it was opened.
        guard initProcess.isAlive else { throw .noSuchProcess }
        return folder
    }

    /// Connects to pod-init; throws when what stands in its place is not its.
    public func connect(answerTimeout: Duration = .seconds(30)) throws -> InitClient {
        do {
            let socket = try folder().place(FilePath(POD_INIT_SOCKET), links: .refused)
            var status = stat()
            try retrying { fstat(socket.number, &status) }
            guard status.st_mode & S_IFMT == S_IFSOCK, status.st_uid == uidBase else {
                throw Failure("the pod's init", "its socket is not its own")
            }
            let network = try Files.openForReading(FilePath("/proc/\(initProcess.pid)/ns/net"))
            guard initProcess.isAlive else { throw Errno.noSuchProcess }
            return try InitClient(
                descriptor: socket.number, networkNamespace: network.number, answerTimeout: answerTimeout)
        } catch let error as Errno {
            throw Failure("reach", "the pod's init", error)
        } catch let error as InitClientError {
            throw Failure("reach", "the pod's init", "\(error)")
        }
    }

    /// Makes what a fresh pod's /dev lacks. Before any of its programs runs.
    public func makeSharedMemoryFolder() throws(Failure) {
        try attempt("make", "/dev/shm of the pod") { () throws(Errno) in
            let devices = try folder().open("dev", flags: O_RDONLY | O_DIRECTORY, links: .refused)
            try check(csys_make_folder_as(uidBase, devices.number, "shm", 0o1777))
        }
    }
}
