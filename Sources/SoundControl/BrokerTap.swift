internal import Glibc
internal import LinuxSystem

/// What a pod plays, as its broker sends it.
public struct BrokerTap: ~Copyable {
    /// Hz.
    public let rate: UInt32
    public let channels: Int
    private let connection: OwnedDescriptor
    private var bytes: [UInt8]
    private var count = 0

    init(rate: UInt32, channels: Int, connection: consuming OwnedDescriptor) {
        self.rate = rate
        self.channels = channels
        self.connection = connection
        bytes = [UInt8](repeating: 0, count: 4 * channels * 4096)
    }

    public enum Part {
        /// Interleaved frames.
        case frames([Float])
        /// None within the time.
        case nothing
        /// The broker has ended, or its sink has become another.
        case end
    }

    /// Waits for frames, up to `milliseconds`.
    public mutating func next(milliseconds: Int32) -> Part {
        var polled = pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, milliseconds) > 0 else { return .nothing }
        let room = bytes.count - count
        let received = bytes.withUnsafeMutableBytes {
            recv(connection.number, $0.baseAddress?.advanced(by: count), room, 0)
        }
        guard received > 0 else { return received < 0 && errno == EINTR ? .nothing : .end }
        count += received
        let whole = count / (4 * channels) * 4 * channels
        let frames = bytes.withUnsafeBytes { raw in
            (0..<whole / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        bytes.replaceSubrange(0..<count - whole, with: Array(bytes[whole..<count]))
        count -= whole
        return .frames(frames)
    }
}
