internal import LinuxSystem

/// Who is told of an archive's members, in their order.
protocol ArchiveConsumer: AnyObject {
    func begin(_ member: ArchiveHeader) throws
    /// The next bytes of the member's content, valid during the call.
    func append(_ bytes: UnsafeRawBufferPointer) throws
    /// All of its content has come.
    func end(_ member: ArchiveHeader) throws
}

/// Takes an archive apart that comes in pieces of any length. Holds no more of it than one header.
struct ArchiveParser {
    private let consumer: any ArchiveConsumer
    private var header: [UInt8] = []
    private var member: ArchiveHeader?
    /// Of the member's content, and of the zeros after it.
    private var contentLeft: UInt64 = 0
    private var paddingLeft = 0
    private var sawEnd = false

    init(_ consumer: any ArchiveConsumer) {
        self.consumer = consumer
        header.reserveCapacity(ArchiveHeader.unit)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        func take(_ count: Int) -> UnsafeRawBufferPointer {
            defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
            return UnsafeRawBufferPointer(rebasing: rest[..<count])
        }
        while !rest.isEmpty {
            if sawEnd {
                // A filter may fill up its blocks, as tar does.
                guard rest.allSatisfy({ $0 == 0 }) else { throw Failure(sentence: "something follows its archive") }
                return
            } else if let member, contentLeft > 0 {
                let piece = take(Int(min(UInt64(rest.count), contentLeft)))
                contentLeft -= UInt64(piece.count)
                try consumer.append(piece)
                if contentLeft == 0 { try end(member) }
            } else if paddingLeft > 0 {
                paddingLeft -= take(min(rest.count, paddingLeft)).count
            } else {
                header += take(min(rest.count, ArchiveHeader.unit - header.count))
                if header.count == ArchiveHeader.unit { try begin() }
            }
        }
    }

    /// No more bytes come.
    func finish() throws {
        guard sawEnd else { throw Failure(sentence: "the archive that came through its filters is cut short") }
    }

    private mutating func begin() throws {
        defer { header.removeAll(keepingCapacity: true) }
        guard let next = try header.withUnsafeBytes({ try ArchiveHeader($0) }) else {
            sawEnd = true
            return
        }
        member = next
        contentLeft = next.size
        paddingLeft = next.padding
        try consumer.begin(next)
        if contentLeft == 0 { try end(next) }
    }

    private mutating func end(_ member: ArchiveHeader) throws {
        self.member = nil
        try consumer.end(member)
    }
}
