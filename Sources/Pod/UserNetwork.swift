internal import CLinux
internal import Glibc
public import LinuxSystem
internal import SystemPackage

/// A pod's way out: an interface in its network namespace, and slirp4netns at the interface's other end, which makes of
/// what it reads there ordinary connections of this host's.
///
/// The interface belongs to the namespace, has the same address on every host, and is there before the first program is,
/// so that what was bound to it can be restored. slirp4netns holds nothing that has to move: its connections are this
/// host's and end with it. The next one knows none of them, and answers what the pod sends on an old one with a reset;
/// the kernel sends on each as soon as it is restored (a window probe).
public enum UserNetwork {
    /// 10.0.2.0/24 is libslirp's own and cannot be reached from a pod otherwise.
    public static let interface = TapInterface(
        name: "eth0", hardwareAddress: [0x52, 0x55, 0x0a, 0x00, 0x02, 0x64],
        address: IPv4Address(10, 0, 2, 100), mask: IPv4Address(255, 255, 255, 0), gateway: IPv4Address(10, 0, 2, 2),
        // The largest: no packet is on a wire.
        mtu: 65520)

    /// Where a pod's interface leads.
    public enum Reach: String, Codable, Sendable {
        case outside
        /// Every connection is refused at once.
        case nowhere
    }

    private static let program: FilePath? = ["/usr/bin/slirp4netns", "/usr/local/bin/slirp4netns"]
        .map { FilePath($0) }.first { Files.isRegularFile($0) }

    /// Throws when this host has not what it takes.
    public static func requireInstalled() throws(Failure) {
        if program == nil {
            throw Failure(
                "slirp4netns", "is not installed, and the pod's network needs it",
                remedy: "install it with: make setup; or leave the pod without a network by --network none")
        }
        do throws(Errno) {
            // What loads the kernel's module, where it is one.
            _ = try retrying { access("/dev/net/tun", F_OK) }
            let device = open("/dev/net/tun", O_RDWR | O_CLOEXEC)
            if device < 0 { throw Errno(rawValue: errno) }
            close(device)
        } catch {
            throw Failure(
                "open", "/dev/net/tun, which the pod's network needs", error,
                remedy: "load the kernel module tun; or leave the pod without a network by --network none")
        }
    }

    /// A slirp4netns that has been started and does not work yet.
    public struct Start: ~Copyable {
        private let ready: OwnedDescriptor
        private let log: FilePath

        fileprivate init(ready: consuming OwnedDescriptor, log: FilePath) {
            self.ready = ready
            self.log = log
        }

        private static let patience = 10_000

        /// Waits until packets pass; throws its reason when they never will.
        public func wait() throws(Failure) {
            var byte: UInt8 = 0
            guard Wait.readable(ready.number, milliseconds: Self.patience), read(ready.number, &byte, 1) == 1 else {
                let said = (try? Files.text(log, limit: 1 << 16)) ?? ""
                let reason = said.split(separator: "\n").last.map(String.init) ?? "it did not start"
                throw Failure("the pod's network", "slirp4netns: \(reason)", remedy: "see \(log.string)")
            }
        }
    }

    /// Makes the interface in the network namespace of a pod's first process, or brings it in order again, and starts
    /// what is at its other end.
    public static func start(for process: Int32, in folder: PodFolder, reaching reach: Reach) throws -> Start {
        guard let program else { throw Failure("slirp4netns", "is not installed") }
        func namespace(_ kind: String) throws(Failure) -> OwnedDescriptor {
            let path = FilePath("/proc/\(process)/ns/\(kind)")
            return try attempt("open", path.string) { () throws(Errno) in try Files.openForReading(path) }
        }
        let users = try namespace("user")
        let network = try namespace("net")
        let log = try attempt("make", "the pod's network") { () throws(Errno) in
            try NetworkNamespace.prepare(of: process, interface: interface)
            return try Files.openLog(folder.networkLog)
        }
        let ready = try PipeEnds()
        var launch = Launch(
            program,
            [
                "--ready-fd=3", "--mtu=\(interface.mtu)", "--disable-host-loopback", "--enable-sandbox",
                "--enable-seccomp", "--netns-type=path", "/proc/self/fd/4", interface.name,
            ], environment: Launch.plainEnvironment + ["MEDIAPOD_RUNTIME=\(folder.runtime.path.string)"])
        launch.give(log.number, as: 2)
        launch.give(ready.write.number, as: 3)
        launch.give(network.number, as: 4)
        _ = try launch.start(inUserNamespace: users, isolated: reach == .nowhere) { process in
            guard let identity = process.identity else { throw Failure("slirp4netns", "did not start") }
            let bytes = try JSONText.encode(identity)
            try attempt("write", folder.networkProcess.string) { () throws(Errno) in
                try Files.swap(folder.networkProcess, with: bytes, mode: 0o600)
            }
        }
        return Start(ready: ready.closingWrite(), log: folder.networkLog)
    }

    /// Tells a pod's programs that their connections to the outside are no more, when slirp4netns has ended under them:
    /// one that only waits for something would wait for ever, as its kernel has no reason to send. A kernel without
    /// CONFIG_INET_DIAG_DESTROY leaves it at that.
    public static func abortConnections(of process: Int32) throws {
        _ = try Pipeline.output(
            of: Command(
                "nsenter",
                ["--net=/proc/\(process)/ns/net", "ss", "--kill", "--tcp", "src", "\(interface.address)"], name: "ss"))
    }

    /// The slirp4netns of a pod, alive or not; `nil` where there was none.
    public static func process(in folder: PodFolder) -> ProcessIdentity? {
        guard let bytes = try? Files.read(folder.networkProcess, limit: 4096) else { return nil }
        return try? JSONText.decode(ProcessIdentity.self, from: bytes)
    }

    /// What becomes of the connections to the outside at the network's end.
    public enum Connections: Sendable {
        /// The pod's end is not gone but elsewhere: whoever is at the other end is told by a reset that what was under
        /// way is lost. An orderly end could be taken for the end of what was sent.
        case reset
        /// The pod's programs have ended: what they wrote before is still delivered.
        case finished
    }

    /// How long what ended programs have written may take to reach this host's kernel, ms.
    private static let drainPatience = 1000

    /// Ends a pod's slirp4netns, if there is one.
    public static func end(in folder: PodFolder, _ connections: Connections) {
        guard let process = process(in: folder), let pidfd = process.open() else { return }
        switch connections {
        case .reset:
            // It opens no more meanwhile.
            process.signal(SIGSTOP)
            for socket in connectionNumbers(of: process) {
                guard let copy = copy(socket, pidfd), csys_tcp_is_open(copy.number) >= 0 else { continue }
                csys_reset_when_closed(copy.number)
            }
        case .finished:
            _ = Wait.until(milliseconds: drainPatience) {
                !connectionNumbers(of: process).contains { number in
                    guard let copy = copy(number, pidfd) else { return false }
                    return csys_tcp_is_open(copy.number) > 0
                }
            }
        }
        process.end(with: SIGKILL, patienceMilliseconds: 0)
    }

    private static func copy(_ number: Int32, _ pidfd: borrowing OwnedDescriptor) -> OwnedDescriptor? {
        let copy = csys_pidfd_getfd(pidfd.number, number)
        return copy < 0 ? nil : OwnedDescriptor(adopting: copy)
    }

    /// The descriptors of its sockets.
    private static func connectionNumbers(of process: ProcessIdentity) -> [Int32] {
        ProcessDescriptors.numbers(of: process.pid, linkedTo: "socket:")
    }
}
