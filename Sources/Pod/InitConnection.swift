import CLinux
import Glibc
import PodInitABI

/// A moment to give up at; `nil` is never.
typealias Deadline = ContinuousClock.Instant?

/// The client's end of the control socket: whole packets, no call that outlasts its deadline.
struct InitConnection: ~Copyable, Sendable {
    let descriptor: Int32

    init(path: String, networkNamespace: Int32, deadline: Deadline) throws {
        let descriptor = csys_unix_socket_in(networkNamespace, Int32(SOCK_SEQPACKET.rawValue))
        guard descriptor >= 0 else { throw InitClientError.system(call: "setns", errno: -descriptor) }
        do {
            try Self.connect(descriptor, path, deadline)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Connects and agrees on the version.
    static func greeted(path: String, networkNamespace: Int32, deadline: Deadline) throws -> InitConnection {
        let connection = try InitConnection(path: path, networkNamespace: networkNamespace, deadline: deadline)
        let hello = PodInitHello(
            header: PodInitHeader(PodInitTypeHello, 1), magic: POD_INIT_MAGIC, version: POD_INIT_VERSION)
        // A new socket has room for it.
        _ = try connection.send([UInt8](wire: hello))
        guard try connection.wait(for: POLLIN, until: deadline) else { throw InitClientError.timedOut }
        var buffer = [UInt8](repeating: 0, count: 64)
        switch try connection.receiveMessage(&buffer)?.message {
        case .hello(version: POD_INIT_VERSION): return connection
        case .refused(let stage, let errno): throw InitClientError.refused(stage: stage, errno: errno)
        default: throw InitClientError.malformed("a wrong greeting")
        }
    }

    private static func connect(_ descriptor: Int32, _ path: String, _ deadline: Deadline) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw InitClientError.system(call: "connect", errno: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }

        let began = ContinuousClock.now
        while true {
            let result = withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result == 0 { return }
            // The queue of connections is full: pod-init is busy or frozen. The kernel has no event for its end. Or
            // the pod has just started, and its socket has a name but does not listen yet.
            let isStarting = errno == ECONNREFUSED && .now < began + .seconds(1)
            guard errno == EAGAIN || errno == EINTR || isStarting else {
                throw InitClientError.system(call: "connect", errno: errno)
            }
            if let deadline, deadline <= .now { throw InitClientError.timedOut }
            usleep(10_000)
        }
    }

    /// Returns whether the packet was sent; `false` means that there is no room for it now.
    func send(_ packet: [UInt8]) throws -> Bool {
        while true {
            let count = packet.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return true }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return false
            case EPIPE, ECONNRESET: throw InitClientError.disconnected
            default: throw InitClientError.system(call: "send", errno: errno)
            }
        }
    }

    /// Returns the next message; `nil` when none is there. `buffer` is room for the largest packet that may come.
    func receiveMessage(_ buffer: inout [UInt8]) throws -> (request: UInt32, message: InitMessage)? {
        guard let count = try receive(into: &buffer) else { return nil }
        return try buffer.withUnsafeBytes {
            try InitMessage.parse(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
    }

    /// Returns the size of the packet put into `buffer`; `nil` when none is there.
    private func receive(into buffer: inout [UInt8]) throws -> Int? {
        while true {
            let count = buffer.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_TRUNC))
            }
            if count > buffer.count { throw InitClientError.malformed("a packet of \(count) bytes") }
            if count > 0 { return count }
            if count == 0 { throw InitClientError.disconnected }
            switch errno {
            // ECONNRESET comes once, when pod-init closed with requests unread; what it sent before is still there.
            case EINTR, ECONNRESET: continue
            case EAGAIN: return nil
            default: throw InitClientError.system(call: "recv", errno: errno)
            }
        }
    }

    /// Waits for one of `events` (POLLIN, POLLOUT); returns `false` at the deadline.
    func wait(for events: Int32, until deadline: Deadline) throws -> Bool {
        while true {
            var milliseconds: Int32 = -1
            if let deadline {
                let left = ContinuousClock.now.duration(to: deadline).components
                // Rounded up, so as not to spin through the last millisecond.
                let exact =
                    left.seconds < 0 ? 0 : left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1
                milliseconds = left.seconds < 0 || left.attoseconds < 0 ? 0 : Int32(clamping: exact)
            }
            var entry = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
            let count = poll(&entry, 1, milliseconds)
            if count > 0 { return true }
            if count == 0 {
                if milliseconds == .max { continue }
                return false
            }
            guard errno == EINTR else { throw InitClientError.system(call: "poll", errno: errno) }
        }
    }
}
