internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SystemPackage

/// The host's side door: the engine and `podaudio` ask here, a JSON object a line.
final class ControlServer {
    typealias Answer = (BrokerReply) -> Void

    private let loop: EventLoop
    private let listener: OwnedDescriptor
    private let path: FilePath
    private var watch: EventLoop.Watch?
    private var connections: [ObjectIdentifier: ControlConnection] = [:]
    typealias Handler = (BrokerRequest, ControlConnection, @escaping Answer) -> Void

    private let handle: Handler

    init(at path: FilePath, on loop: EventLoop, handle: @escaping Handler)
        throws(Errno)
    {
        self.loop = loop
        self.path = path
        self.handle = handle
        listener = try UnixSocket.listen(at: path, kind: .stream, permissions: .ownerReadWrite)
        watch = try loop.watch(listener.number, for: .readable) { [weak self] _ in self?.accept() }
    }

    deinit {
        if let watch { loop.remove(watch) }
    }

    private func accept() {
        while let socket = try? UnixSocket.accept(from: listener) {
            let connection = ControlConnection(socket, loop: loop, server: self)
            guard connection.begin() else { continue }
            connections[ObjectIdentifier(connection)] = connection
        }
    }

    fileprivate func received(_ line: [UInt8], from connection: ControlConnection) {
        guard let request = try? JSONDecoder().decode(BrokerRequest.self, from: Data(line)) else {
            connection.send(.failed("the sound broker does not know this request; is it of another version?"))
            return
        }
        handle(request, connection) { [weak connection] in connection?.send($0) }
    }

    fileprivate func ended(_ connection: ControlConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        connection.onEnd?(connection)
    }

    /// Waits until what was answered has left, at most `milliseconds`.
    func flush(milliseconds: Int32) {
        for connection in connections.values { connection.flush(milliseconds: milliseconds) }
    }
}

/// One caller of the host's.
final class ControlConnection {
    private static let maximumLine = 1 << 16
    /// What a caller may leave unread of the raw bytes that it asked for: 4 s of eight channels at 192 kHz.
    private static let maximumPending = 25 << 20

    var onEnd: ((ControlConnection) -> Void)?

    private let socket: OwnedDescriptor
    private let loop: EventLoop
    private weak var server: ControlServer?
    private var watch: EventLoop.Watch?
    private var line: [UInt8] = []
    private var pending: [UInt8] = []

    init(_ socket: consuming OwnedDescriptor, loop: EventLoop, server: ControlServer) {
        self.socket = socket
        self.loop = loop
        self.server = server
    }

    deinit {
        if let watch { loop.remove(watch) }
    }

    func begin() -> Bool {
        watch = try? loop.watch(socket.number, for: .readable) { [weak self] readiness in
            guard let self else { return }
            if readiness.contains(.writable) { write() }
            if readiness.contains(.readable) || readiness.contains(.hangUp) { read() }
        }
        return watch != nil
    }

    private func read() {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(socket.number, &chunk, chunk.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0, line.count + count <= Self.maximumLine else {
            server?.ended(self)
            return
        }
        line.append(contentsOf: chunk[..<count])
        while let end = line.firstIndex(of: UInt8(ascii: "\n")) {
            let request = Array(line[..<end])
            line.removeSubrange(...end)
            server?.received(request, from: self)
        }
    }

    func send(_ reply: BrokerReply) {
        guard let json = try? JSONEncoder().encode(reply) else { return }
        pending.append(contentsOf: json)
        pending.append(UInt8(ascii: "\n"))
        write()
    }

    /// Bytes that are no reply. Whoever does not read them is left.
    func send(raw bytes: UnsafeRawBufferPointer) {
        guard pending.count + bytes.count <= Self.maximumPending else { return end() }
        pending.append(contentsOf: bytes)
        write()
    }

    func end() { server?.ended(self) }

    private func write() {
        while !pending.isEmpty {
            let sent = Glibc.send(
                socket.number, pending, pending.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { break }
            pending.removeFirst(sent)
        }
        if let watch { try? loop.change(watch, to: pending.isEmpty ? .readable : [.readable, .writable]) }
    }

    func flush(milliseconds: Int32) {
        write()
        guard !pending.isEmpty else { return }
        var polled = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
        if poll(&polled, 1, milliseconds) > 0 { write() }
    }
}
