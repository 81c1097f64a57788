internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// One of the files that CRIU writes: two magic numbers, then entries of one protobuf type, each behind its size (CRIU's
/// criu/include/image.h, criu/protobuf.c). Of images that carry more than that only the entries are told.
package struct CriuImage {
    private let magic: [UInt8]
    package var entries: [ProtobufMessage]

    /// Bytes of one entry, which is what CRIU itself takes for an error.
    private static let entryLimit = 64 << 20

    /// `nil` when the bytes are no image.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 8 else { return nil }
        magic = Array(bytes.prefix(8))
        entries = []
        var rest = bytes.dropFirst(8)
        while !rest.isEmpty {
            guard let size = Self.number(rest), size <= Self.entryLimit, Int(size) <= rest.count - 4,
                let entry = ProtobufMessage(rest.dropFirst(4).prefix(Int(size)))
            else { return nil }
            entries.append(entry)
            rest = rest.dropFirst(4 + Int(size))
        }
    }

    /// A new one. Of the images that belong to a dump the first number is one and the same; service files have another.
    package init(service magic: UInt32, entries: [ProtobufMessage]) {
        self.magic = Self.bytes(Self.serviceMagic) + Self.bytes(magic)
        self.entries = entries
    }

    private static let serviceMagic: UInt32 = 0x5510_5940

    package var bytes: [UInt8] {
        var bytes = magic
        for entry in entries {
            let content = entry.bytes
            bytes += Self.bytes(UInt32(content.count)) + content
        }
        return bytes
    }

    /// CRIU's numbers are the machine's, and those of every machine that it runs on are little-endian but for one.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        return bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func bytes(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}

/// The images of one dump.
package struct CriuImages {
    package let folder: FilePath

    package init(_ folder: FilePath) { self.folder = folder }

    /// What is read of one file at most, bytes; the ones looked at here hold no memory of programs.
    private static let limit = 1 << 30

    /// `nil` when there is none of that name.
    package func read(_ name: String) throws -> CriuImage? {
        let path = folder.appending(name)
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try Files.read(path, limit: Self.limit)
        } catch .noSuchFileOrDirectory {
            return nil
        } catch {
            throw Failure("read", path.string, error)
        }
        guard let image = CriuImage(bytes) else {
            throw Failure("CRIU's image \(name)", "makes no sense; is it of another version?")
        }
        return image
    }

    package func write(_ image: CriuImage, _ name: String) throws {
        let path = folder.appending(name)
        let bytes = image.bytes
        // CRIU reads it as the pod's root.
        try attempt("write", path.string) { () throws(Errno) in try Files.swap(path, with: bytes, mode: 0o644) }
    }

    package func names(beginningWith prefix: String) throws -> [String] {
        try attempt("list", folder.string) { () throws(Errno) in try Files.list(folder) }
            .filter { $0.hasPrefix(prefix) }.map { "\($0)" }.sorted()
    }
}
