internal import Glibc
public import LinuxSystem
internal import SystemPackage

/// The OCI runtime, for one pod: it starts it. Every call ends with the program that it started; none leaves a terminal or a pipe of
/// ours in the pod, which could then not be dumped.
public struct Runc: Sendable {
    public let folder: PodFolder

    public init(folder: PodFolder) {
        self.folder = folder
    }

    /// What runc said when it failed.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    private static let program: FilePath? = [
        "/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc",
    ]
    .map { FilePath($0) }.first { Files.isRegularFile($0) }

    public static func requireInstalled() throws(Failure) {
        if program == nil { throw Failure("runc", "is not installed", remedy: "install it with: make setup") }
    }

    /// Starts the pod and gives its first process. Returns when pod-init takes requests.
    public func run(keeping lock: Int32) throws -> ProcessIdentity {
        // pod-init holds standard error until it is ready, so its end is the sign.
        try call(
            ["run", "--detach", "--bundle", folder.bundle.string, "--pid-file", pidFile.string, folder.containerID],
            lock)
        return try initProcess()
    }

    /// Forgets the pod, whose processes have ended; removes its cgroups. What runc does not know is fine.
    public func delete(keeping lock: Int32) throws {
        guard Files.isFolder(folder.runtime.runc.appending(folder.containerID)) else { return }
        do {
            try call(["delete", "--force", folder.containerID], lock)
        } catch {
            // A creation that was cut short leaves what runc itself cannot read any more.
            try Files.removeTree(folder.runtime.runc.appending(folder.containerID))
        }
    }

    private var pidFile: FilePath { folder.bundle.appending("pid") }

    private func initProcess() throws -> ProcessIdentity {
        guard let text = try? Files.text(pidFile), let pid = Int32(text.filter(\.isNumber)),
            let identity = ProcessIdentity(of: pid)
        else { throw Problem(description: "the pod's first process ended at once") }
        return identity
    }

    /// How long runc may take, ms.
    private static let patience = 60_000

    private func call(_ arguments: [String], _ lock: Int32) throws {
        guard let program = Self.program else { throw Problem(description: "runc is not installed") }
        var launch = Launch(
            program,
            ["--root", folder.runtime.runc.string, "--log", folder.runcLog.string] + arguments)
        let pipe = try PipeEnds()
        launch.give(pipe.write.number, as: 2)
        // What a killed engine leaves running here is still changing the pod: the lock stays taken until it is done.
        // A high number: runc gives its own children 3 and the next ones.
        launch.give(lock, as: 100)
        let process = try launch.start()
        let output = pipe.closingWrite()

        guard let said = read(output, milliseconds: Self.patience) else {
            process.identity?.end(with: SIGTERM, patienceMilliseconds: 2000)
            _ = process.wait()
            throw Problem(description: "runc \(arguments[0]) did not end within \(Self.patience / 1000) s")
        }
        guard process.wait() == .exited(0) else {
            let line = said.split(separator: "\n").last.map(String.init)
            throw Problem(description: line ?? "runc \(arguments[0]) failed and did not say why")
        }
    }

    /// Everything until the end; `nil` when there is none within the time.
    private func read(_ output: borrowing OwnedDescriptor, milliseconds: Int) -> String? {
        var said: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        while Wait.readable(output.number, milliseconds: milliseconds) {
            guard let count = try? Files.read(output, into: buffer), count > 0 else {
                return String(decoding: said, as: UTF8.self)
            }
            // Its last words count.
            said = (said + buffer[..<count]).suffix(16384)
        }
        return nil
    }
}
