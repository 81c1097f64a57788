internal import DeviceStore
internal import LinuxSystem
internal import Synchronization

/// SHA-256 of bytes that come in pieces, taken beside what else is done with them: of a session of gigabytes it takes as
/// long as writing them.
final class ConcurrentDigest: Sendable {
    private let digest = Mutex(StreamDigest())

    /// For a `PieceRing`.
    var taker: PieceRing.Taker { { [self] bytes in digest.withLock { $0.update(bytes) } } }

    /// 64 hexadecimal digits of all bytes that the ring, which has finished, was given.
    var hexadecimal: String { digest.withLock { $0.hexadecimal } }
}
