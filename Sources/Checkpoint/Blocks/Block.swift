internal import Crypto
internal import FoundationEssentials
internal import Glibc

/// A block: 4096 bytes of an image, a page where the image holds pages; an image's last one may be shorter.
enum Block {
    static let size = 4096

    static func count(of bytes: UInt64) -> UInt64 { (bytes + UInt64(size) - 1) / UInt64(size) }
}

/// What tells blocks apart. A block of zeros has zeros.
struct BlockDigest: Hashable {
    var low: UInt64
    var high: UInt64

    static let zero = BlockDigest(low: 0, high: 0)
    /// Bytes.
    static let size = 16

    init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }

    fileprivate init(_ bytes: some ContiguousBytes) {
        self = bytes.withUnsafeBytes {
            BlockDigest(
                low: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                high: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

/// Takes digests with one salt, which no program in a pod knows: none can make two blocks of one digest, it cannot even
/// try.
struct BlockSalt: Sendable, Equatable {
    enum Algorithm: UInt32, Sendable {
        /// The first half of SHA-256(salt, block).
        case sha256 = 0
        /// AES-128-GMAC of the block (NIST SP 800-38D); the salt's first 16 bytes are the key, the next 12 the nonce. Two
        /// blocks that were chosen without the key have one tag with a probability of 257 in 2^128 at most. Takes half the
        /// time.
        case gmac = 1
    }

    static let size = 32
    let bytes: [UInt8]
    let algorithm: Algorithm
    private let key: SymmetricKey
    private let nonce: AES.GCM.Nonce

    init() {
        var generator = SystemRandomNumberGenerator()
        self.init((0..<Self.size).map { _ in UInt8.random(in: .min ... .max, using: &generator) }, .gmac)
    }

    init(_ bytes: [UInt8], _ algorithm: Algorithm) {
        precondition(bytes.count == Self.size)
        self.bytes = bytes
        self.algorithm = algorithm
        key = SymmetricKey(data: bytes[..<16])
        guard let nonce = try? AES.GCM.Nonce(data: bytes[16..<28]) else { preconditionFailure("it has 12 bytes") }
        self.nonce = nonce
    }

    static func == (a: BlockSalt, b: BlockSalt) -> Bool { a.bytes == b.bytes && a.algorithm == b.algorithm }

    func digest(_ block: UnsafeRawBufferPointer) -> BlockDigest {
        if Self.isZero(block) { return .zero }
        switch algorithm {
        case .sha256:
            var hasher = SHA256()
            bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
            hasher.update(bufferPointer: block)
            return hasher.finalize().withUnsafeBytes { BlockDigest(Array($0)) }
        case .gmac:
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            guard let sealed = try? AES.GCM.seal(nothing, using: key, nonce: nonce, authenticating: block) else {
                preconditionFailure("a key of 16 bytes and a nonce of 12 seal anything")
            }
            return BlockDigest(sealed.tag)
        }
    }

    /// Of one block after the other.
    func digests(_ bytes: UnsafeRawBufferPointer) -> [BlockDigest] {
        stride(from: 0, to: bytes.count, by: Block.size).map { start in
            digest(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Block.size, bytes.count)]))
        }
    }

    private static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
        guard let base = block.baseAddress, block[0] == 0 else { return false }
        return memcmp(base, base + 1, block.count - 1) == 0
    }
}
