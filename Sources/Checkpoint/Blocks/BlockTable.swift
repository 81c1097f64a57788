internal import LinuxSystem

/// The images of a session and the digests of their blocks. Blocks are numbered through all images, in the images' order.
struct BlockTable {
    struct Image: Equatable {
        var name: String
        /// Bytes.
        var size: UInt64
        /// The number of its first block.
        var first: UInt64

        var blocks: UInt64 { Block.count(of: size) }
    }

    let salt: BlockSalt
    private(set) var images: [Image] = []
    private(set) var digests: [BlockDigest] = []

    init(salt: BlockSalt) { self.salt = salt }

    mutating func append(_ name: String, size: UInt64, digests new: [BlockDigest]) {
        precondition(UInt64(new.count) == Block.count(of: size))
        images.append(Image(name: name, size: size, first: UInt64(digests.count)))
        digests += new
    }

    var imageBytes: UInt64 { images.reduce(0) { $0 + $1.size } }
}

/// The member `blocks` of a full session's archive; all numbers are little-endian:
///
///     16 bytes   "MediaPod blocks\n"
///     32 bytes   the salt
///      4 bytes   number of images
///      4 bytes   what the digests are (`BlockSalt.Algorithm`)
///     for each image, in their order:
///      8 bytes   its size
///      1 byte    length of its name
///                its name
///     for each block of all images, in their order:
///     16 bytes   its digest
extension BlockTable {
    private static let magic = Array("MediaPod blocks\n".utf8)
    /// No session has so many images; a damaged one shall not fill the memory.
    private static let mostImages = 1 << 20

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digests.count * BlockDigest.size + images.count * 64 + 64)
        bytes += Self.magic + salt.bytes
        bytes.append(littleEndian: UInt32(images.count))
        bytes.append(littleEndian: salt.algorithm.rawValue)
        for image in images {
            bytes.append(littleEndian: image.size)
            bytes.append(UInt8(image.name.utf8.count))
            bytes += image.name.utf8
        }
        for digest in digests {
            bytes.append(littleEndian: digest.low)
            bytes.append(littleEndian: digest.high)
        }
        return bytes
    }

    init(_ bytes: [UInt8]) throws(Failure) {
        var reader = ByteReader(bytes)
        guard reader.bytes(Self.magic.count) == Self.magic[...], let salt = reader.bytes(BlockSalt.size),
            let count: UInt32 = reader.number(), count <= Self.mostImages, let number: UInt32 = reader.number(),
            let algorithm = BlockSalt.Algorithm(rawValue: number)
        else { throw Self.damaged }
        self.init(salt: BlockSalt(Array(salt), algorithm))
        var blocks: UInt64 = 0
        for _ in 0..<count {
            guard let size: UInt64 = reader.number(), size < 1 << 56, let length: UInt8 = reader.number(),
                let name = reader.bytes(Int(length))
            else { throw Self.damaged }
            images.append(Image(name: String(decoding: name, as: UTF8.self), size: size, first: blocks))
            blocks += Block.count(of: size)
        }
        guard UInt64(reader.left) == blocks * UInt64(BlockDigest.size) else { throw Self.damaged }
        digests.reserveCapacity(Int(blocks))
        while let low: UInt64 = reader.number(), let high: UInt64 = reader.number() {
            digests.append(BlockDigest(low: low, high: high))
        }
    }

    private static let damaged = Failure(sentence: "its member blocks is damaged")
}
