internal import Crypto
internal import Glibc

/// A block: 4096 bytes of an image, a page where the image holds pages; an image's last one may be shorter.
enum Block {
    static let size = 4096

    static func count(of bytes: UInt64) -> UInt64 { (bytes + UInt64(size) - 1) / UInt64(size) }
}

/// What tells blocks apart: the first half of the SHA-256 of a salt and the block. A block of zeros has zeros.
struct BlockDigest: Hashable {
    var low: UInt64
    var high: UInt64

    static let zero = BlockDigest(low: 0, high: 0)
    /// Bytes.
    static let size = 16
}

/// Takes digests with one salt. With a salt that no program in the pod knows, none can make two blocks of one digest, not
/// even by trying as long as half a SHA-256 would allow: it cannot try.
struct BlockSalt: Sendable, Equatable {
    static let size = 32
    let bytes: [UInt8]

    init() {
        var generator = SystemRandomNumberGenerator()
        bytes = (0..<Self.size).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.size)
        self.bytes = bytes
    }

    func digest(_ block: UnsafeRawBufferPointer) -> BlockDigest {
        if Self.isZero(block) { return .zero }
        var hasher = SHA256()
        bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        hasher.update(bufferPointer: block)
        return hasher.finalize().withUnsafeBytes {
            BlockDigest(
                low: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                high: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    private static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
        guard let base = block.baseAddress, block[0] == 0 else { return false }
        return memcmp(base, base + 1, block.count - 1) == 0
    }
}
