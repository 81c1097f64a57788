internal import LinuxSystem

/// A member's header: the 512 bytes of POSIX's ustar, with GNU's binary numbers where octal digits do not suffice.
struct ArchiveHeader: Equatable {
    /// A unit of the archive: headers are one long, contents are filled up to a multiple. Bytes.
    static let unit = 512
    /// POSIX has more for names with folders; no member of ours needs it. Bytes.
    static let longestName = 100

    enum Kind: Equatable { case file, folder }

    var name: String
    /// Bytes of content that follow.
    var size: UInt64
    var kind = Kind.file

    /// Zeros after the content.
    var padding: Int { Int((UInt64(Self.unit) - size % UInt64(Self.unit)) % UInt64(Self.unit)) }

    /// Where the fields lie.
    private enum Field {
        static let name = 0..<100
        static let mode = 100..<108
        static let owner = 108..<116
        static let group = 116..<124
        static let size = 124..<136
        static let time = 136..<148
        static let checksum = 148..<156
        static let kind = 156
        static let magic = 257..<265
        static let prefix = 345..<500
    }

    /// Time and owner say nothing here, so that equal contents make equal archives.
    var encoded: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.unit)
        func put(_ text: String, _ field: Range<Int>) {
            precondition(text.utf8.count <= field.count, "no member has such a name or number")
            bytes.replaceSubrange(field.prefix(text.utf8.count), with: text.utf8)
        }
        put(name, Field.name)
        put("0000644", Field.mode)
        put("0000000", Field.owner)
        put("0000000", Field.group)
        put("00000000000", Field.time)
        if size < 1 << 33 {
            put(Self.octal(size, digits: 11), Field.size)
        } else {
            bytes[Field.size.lowerBound] = 0x80
            for index in 0..<8 {
                bytes[Field.size.upperBound - 1 - index] = UInt8(truncatingIfNeeded: size >> (8 * index))
            }
        }
        bytes[Field.kind] = UInt8(ascii: kind == .file ? "0" : "5")
        put("ustar  ", Field.magic)
        put("        ", Field.checksum)
        put(Self.octal(UInt64(Self.sum(bytes)), digits: 6) + "\0 ", Field.checksum)
        return bytes
    }

    /// `nil` for a unit of zeros, which ends an archive. Throws for what is no header, and for what no stream has: links,
    /// devices, long names.
    init?(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        precondition(bytes.count == Self.unit)
        guard bytes.contains(where: { $0 != 0 }) else { return nil }
        let stored = try Self.number(UnsafeRawBufferPointer(rebasing: bytes[Field.checksum]))
        guard stored == UInt64(Self.sum(bytes)) else { throw Self.damaged }
        let text = bytes[Field.name].prefix { $0 != 0 }
        guard !text.isEmpty, text.allSatisfy({ (0x21...0x7e).contains($0) }), bytes[Field.prefix.lowerBound] == 0 else {
            throw Self.damaged
        }
        name = String(decoding: text, as: UTF8.self)
        size = try Self.number(UnsafeRawBufferPointer(rebasing: bytes[Field.size]))
        switch bytes[Field.kind] {
        case UInt8(ascii: "0"), 0: kind = .file
        case UInt8(ascii: "5"): kind = .folder
        default: throw Failure(sentence: "its member \(name) is no ordinary file")
        }
    }

    init(name: String, size: UInt64) {
        self.name = name
        self.size = size
    }

    private static let damaged = Failure(sentence: "what came through its filters is no archive")

    private static func octal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(digits - text.count, 0)) + text
    }

    /// As if the checksum's own field were spaces.
    private static func sum(_ bytes: some Collection<UInt8>) -> Int {
        bytes.enumerated().reduce(0) { $0 + Int(Field.checksum.contains($1.offset) ? 0x20 : $1.element) }
    }

    private static func number(_ field: UnsafeRawBufferPointer) throws(Failure) -> UInt64 {
        if field[0] == 0x80 {
            guard field[1..<(field.count - 8)].allSatisfy({ $0 == 0 }), field[field.count - 8] < 0x40 else {
                throw damaged
            }
            return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { throw damaged }
        return digits.reduce(0) { $0 << 3 | UInt64($1 - 0x30) }
    }
}
