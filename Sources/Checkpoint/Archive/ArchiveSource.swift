internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Makes an archive in pieces, of files that stay where they are until their turn has come.
final class ArchiveSource {
    /// Some bytes of the archive.
    private enum Piece {
        case bytes([UInt8])
        /// Parts of a file one after the other.
        case file(FilePath, [Range<UInt64>])
    }

    /// Fits a pipe. Bytes.
    private static let bufferSize = 1 << 20
    /// A part of a file that is at least so long is not copied. Bytes.
    private static let largePart: UInt64 = 1 << 16

    private var pieces: [Piece] = []
    private var index = 0
    /// Within the piece: what was given of it.
    private var part = 0
    private var offset: UInt64 = 0
    private var file: SharedDescriptor?
    private var mapped: MappedFile?
    /// Of what was given last.
    private var lent: MappedFile?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
    /// Bytes given so far.
    private(set) var count: UInt64 = 0
    /// Bytes of the whole archive, as far as it has been described.
    private(set) var total: UInt64 = 0

    deinit { buffer.deallocate() }

    /// - Parameters:
    ///   - head: the content's first bytes.
    ///   - parts: of the file, each of which follows.
    func add(_ name: String, head: [UInt8] = [], file: FilePath? = nil, parts: [Range<UInt64>] = []) {
        let parts = parts.filter { !$0.isEmpty }
        let size = parts.reduce(UInt64(head.count)) { $0 + UInt64($1.count) }
        let header = ArchiveHeader(name: name, size: size)
        add(.bytes(header.encoded + head))
        if let file, !parts.isEmpty { add(.file(file, parts)) }
        if header.padding > 0 { add(.bytes([UInt8](repeating: 0, count: header.padding))) }
    }

    /// No member follows.
    func end() {
        add(.bytes([UInt8](repeating: 0, count: 2 * ArchiveHeader.unit)))
    }

    private func add(_ piece: Piece) {
        switch piece {
        case .bytes(let bytes): total += UInt64(bytes.count)
        case .file(_, let parts): total += parts.reduce(0) { $0 + UInt64($1.count) }
        }
        pieces.append(piece)
    }

    /// The next bytes, valid until the next call; `nil` at the end.
    func next() throws -> Pipeline.Piece? {
        lent = nil
        var used = 0
        while used < buffer.count, index < pieces.count {
            switch pieces[index] {
            case .bytes(let bytes):
                let piece = bytes[Int(offset)...].prefix(buffer.count - used)
                UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyBytes(from: piece)
                used += piece.count
                offset += UInt64(piece.count)
                if offset == UInt64(bytes.count) { advance() }
            case .file(let path, let parts):
                guard parts[part].count < Self.largePart else {
                    // What has been gathered goes first.
                    guard used == 0 else { return piece(used) }
                    let mapped = try map(path, parts)
                    count += UInt64(mapped.count)
                    return Pipeline.Piece(mapped, isMapped: true)
                }
                used += try read(path, parts, into: UnsafeMutableRawBufferPointer(rebasing: buffer[used...]))
            }
        }
        return used == 0 ? nil : piece(used)
    }

    private func piece(_ used: Int) -> Pipeline.Piece {
        count += UInt64(used)
        return Pipeline.Piece(UnsafeRawBufferPointer(rebasing: buffer[..<used]))
    }

    private func map(_ path: FilePath, _ parts: [Range<UInt64>]) throws -> UnsafeRawBufferPointer {
        let mapped = try self.mapped ?? MappedFile(path)
        self.mapped = mapped
        lent = mapped
        let start = parts[part].lowerBound + offset
        let end = min(start + UInt64(buffer.count), parts[part].upperBound)
        guard end <= mapped.bytes.count else { throw Failure(sentence: "\(path.string) has become shorter") }
        moveOn(Int(end - start), parts)
        return mapped.part(Int(start)..<Int(end))
    }

    private func read(_ path: FilePath, _ parts: [Range<UInt64>], into room: UnsafeMutableRawBufferPointer) throws
        -> Int
    {
        let file = try self.file ?? SharedDescriptor(try Files.openForReading(path))
        self.file = file
        let start = parts[part].lowerBound + offset
        let wanted = Int(min(UInt64(room.count), parts[part].upperBound - start))
        let got = try retrying { pread(file.descriptor.number, room.baseAddress, wanted, off_t(start)) }
        guard got > 0 else { throw Failure(sentence: "\(path.string) has become shorter") }
        moveOn(got, parts)
        return got
    }

    private func moveOn(_ given: Int, _ parts: [Range<UInt64>]) {
        offset += UInt64(given)
        guard offset == UInt64(parts[part].count) else { return }
        offset = 0
        part += 1
        if part == parts.count { advance() }
    }

    private func advance() {
        pieces[index] = .bytes([])
        index += 1
        offset = 0
        part = 0
        file = nil
        mapped = nil
    }
}
