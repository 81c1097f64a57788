internal import CLinux
internal import Glibc
public import SystemPackage

/// Messages with descriptors over a connected SOCK_SEQPACKET socket.
public enum PacketSocket {
    /// What one `receive` found.
    public enum Received: ~Copyable {
        /// `count` bytes were filled; the descriptors came with them.
        case message(count: Int, descriptors: ReceivedDescriptors)
        /// Nothing there now.
        case nothing
        /// The other end is gone, or sent what is longer than the buffer.
        case closed(Errno?)
    }

    /// Descriptors that came with a message; those not taken are closed, on another thread: nobody knows what they are.
    public struct ReceivedDescriptors: ~Copyable {
        private var first: Int32
        private var second: Int32
        public let count: Int

        fileprivate init(_ numbers: [Int32]) {
            count = numbers.count
            first = numbers.first ?? -1
            second = numbers.count < 2 ? -1 : numbers[1]
            for number in numbers.dropFirst(2) { LateCloser.close(number) }
        }

        deinit {
            for number in [first, second] where number >= 0 { LateCloser.close(number) }
        }

        public mutating func takeFirst() -> OwnedDescriptor? { Self.take(&first) }
        public mutating func takeSecond() -> OwnedDescriptor? { Self.take(&second) }

        private static func take(_ number: inout Int32) -> OwnedDescriptor? {
            guard number >= 0 else { return nil }
            let taken = number
            number = -1
            return OwnedDescriptor(adopting: taken)
        }
    }

    /// Takes the next message without waiting.
    public static func receive(from socket: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Received {
        var numbers: (Int32, Int32, Int32, Int32) = (-1, -1, -1, -1)
        var count = 0
        let bytes = withUnsafeMutableBytes(of: &numbers) { raw in
            csys_receive(
                socket, buffer.baseAddress, buffer.count, raw.baseAddress?.assumingMemoryBound(to: Int32.self),
                &count, Int32(MSG_DONTWAIT))
        }
        if bytes == -Int(EAGAIN) { return .nothing }
        if bytes < 0 { return .closed(Errno(rawValue: Int32(-bytes))) }
        let list = count == 0 ? [] : [numbers.0, numbers.1, numbers.2, numbers.3].prefix(count).map { $0 }
        let descriptors = ReceivedDescriptors(list)
        // An empty message and the end look alike; nothing here sends empty ones.
        if bytes == 0 { return .closed(nil) }
        return .message(count: bytes, descriptors: descriptors)
    }

    /// Sends one message without waiting; false when the socket is full or broken. RT safe without descriptors.
    @discardableResult
    public static func send(_ message: UnsafeRawBufferPointer, to socket: Int32) -> Bool {
        csys_send(socket, message.baseAddress, message.count, nil, 0, Int32(MSG_DONTWAIT)) == message.count
    }
}
