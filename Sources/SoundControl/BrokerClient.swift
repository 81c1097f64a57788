internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// The engine's and `podaudio`'s way to talk to a broker: one request, one reply, over its control socket.
public struct BrokerClient: Sendable {
    /// A reply is a status of at most a few hundred streams.
    private static let maximumReplyBytes = 4 << 20

    private let socket: FilePath

    public init(socket: FilePath) {
        self.socket = socket
    }

    public enum Problem: Error, CustomStringConvertible {
        case unreachable(FilePath, Errno)
        case silent(seconds: Int)
        case garbled
        case refused(String)

        public var description: String {
            switch self {
            case .unreachable(let path, let error): "no sound broker at \(path): \(error)"
            case .silent(let seconds): "the sound broker did not answer within \(seconds) s"
            case .garbled: "the sound broker's answer makes no sense; is it of another version?"
            case .refused(let reason): reason
            }
        }
    }

    /// Sends `request` and waits for the answer, up to `timeoutSeconds`. Throws `Problem`; `.refused` carries
    /// the broker's own words.
    public func request(_ request: BrokerRequest, timeoutSeconds: Int = 10) throws -> BrokerReply {
        let connection = try connect()
        return try ask(request, on: connection, timeoutSeconds: timeoutSeconds)
    }

    /// Begins to hear what the pod plays. Throws like `request`.
    public func tap(timeoutSeconds: Int = 10) throws -> BrokerTap {
        let connection = try connect()
        guard case .tap(let rate, let channels) = try ask(.tap, on: connection, timeoutSeconds: timeoutSeconds),
            rate > 0, (1...8).contains(channels)
        else { throw Problem.garbled }
        return BrokerTap(rate: rate, channels: Int(channels), connection: connection)
    }

    private func connect() throws -> OwnedDescriptor {
        do {
            return try UnixSocket.connect(to: socket, kind: .stream)
        } catch {
            throw Problem.unreachable(socket, error)
        }
    }

    private func ask(_ request: BrokerRequest, on connection: borrowing OwnedDescriptor, timeoutSeconds: Int) throws
        -> BrokerReply
    {
        var line = [UInt8](try JSONEncoder().encode(request))
        line.append(UInt8(ascii: "\n"))
        try writeAll(line, to: connection)
        let answer = try readLine(from: connection, timeoutSeconds: timeoutSeconds)
        guard let reply = try? JSONDecoder().decode(BrokerReply.self, from: Data(answer)) else {
            throw Problem.garbled
        }
        if case .failed(let reason) = reply { throw Problem.refused(reason) }
        return reply
    }

    private func writeAll(_ bytes: [UInt8], to connection: borrowing OwnedDescriptor) throws {
        var sent = 0
        while sent < bytes.count {
            do {
                sent += try bytes.withUnsafeBytes { raw in
                    let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                    return try retrying {
                        send(connection.number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                    }
                }
            } catch let error as Errno {
                throw Problem.unreachable(socket, error)
            }
        }
    }

    private func readLine(from connection: borrowing OwnedDescriptor, timeoutSeconds: Int) throws -> [UInt8] {
        let deadline = MonotonicClock.nanoseconds + UInt64(timeoutSeconds) * 1_000_000_000
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while answer.last != UInt8(ascii: "\n") {
            let now = MonotonicClock.nanoseconds
            guard now < deadline else { throw Problem.silent(seconds: timeoutSeconds) }
            var polled = pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0)
            _ = poll(&polled, 1, Int32(clamping: (deadline - now) / 1_000_000 + 1))
            guard polled.revents != 0 else { continue }
            // No further than the line's end: what follows it may be no reply.
            let seen = recv(connection.number, &chunk, chunk.count, Int32(MSG_PEEK))
            if seen < 0 && errno == EINTR { continue }
            guard seen > 0 else { throw Problem.garbled }
            let wanted = chunk[..<seen].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? seen
            let count = recv(connection.number, &chunk, wanted, 0)
            guard count > 0, answer.count + count <= Self.maximumReplyBytes else { throw Problem.garbled }
            answer.append(contentsOf: chunk[..<count])
        }
        return answer
    }
}
