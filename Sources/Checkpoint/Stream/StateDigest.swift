internal import DeviceStore
internal import LinuxSystem
internal import Synchronization

/// The digest of a `state`, taken beside what else is done with its bytes: of a session of gigabytes one processor takes
/// longer for it than a fast device for the writing.
///
/// From format 3 on it is the SHA-256 of the SHA-256 digests of the parts of 4 MiB, one after the other, which two threads
/// take by turns; before, the SHA-256 of the bytes.
final class StateDigest: Sendable {
    /// Bytes; the last part may be shorter.
    static let partSize = PieceRing.pieceSize

    private let lanes: [Lane]
    private let digests = Mutex(Digests())

    private struct Digests {
        /// Of all bytes.
        var plain = StreamDigest()
        /// Of each part, in any order.
        var parts: [Int: [UInt8]] = [:]
    }

    /// One thread's.
    private final class Lane: Sendable {
        /// How many pieces it has seen.
        let pieces = Atomic(0)
    }

    /// - Parameter format: the stream's.
    init(format: Int) {
        precondition(Self.partSize == 4 << 20, "it is what the format says")
        lanes = (0..<(format < 3 ? 0 : 2)).map { _ in Lane() }
    }

    /// For a `PieceRing`.
    var takers: [PieceRing.Taker] {
        if lanes.isEmpty { return [{ [self] bytes in digests.withLock { $0.plain.update(bytes) } }] }
        return lanes.indices.map { number in { [self] bytes in take(bytes, by: number) } }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, by number: Int) {
        let piece = lanes[number].pieces.add(1, ordering: .relaxed).oldValue
        guard piece % lanes.count == number else { return }
        var digest = StreamDigest()
        digest.update(bytes)
        let bytes = digest.bytes
        digests.withLock { $0.parts[piece] = bytes }
    }

    /// 64 hexadecimal digits of all bytes that the ring, which has finished, was given.
    var hexadecimal: String {
        digests.withLock { digests in
            guard !lanes.isEmpty else { return digests.plain.hexadecimal }
            var whole = StreamDigest()
            for (_, part) in digests.parts.sorted(by: { $0.key < $1.key }) { part.withUnsafeBytes { whole.update($0) } }
            return whole.hexadecimal
        }
    }
}
