/// Numbers and bytes, one after the other, of what may be anything.
struct ByteReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var left: Int { bytes.count - offset }

    /// `nil` when there are not as many.
    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= left else { return nil }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    /// Little-endian; `nil` when there are no more bytes.
    mutating func number<Value: FixedWidthInteger>() -> Value? {
        let size = MemoryLayout<Value>.size
        guard size <= left else { return nil }
        defer { offset += size }
        return bytes.withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
