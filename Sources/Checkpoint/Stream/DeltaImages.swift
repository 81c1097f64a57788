internal import LinuxSystem

/// The images of a session that is made of a full one's blocks: takes what is new, and notes what is missing.
final class DeltaImages: MemberHandler {
    /// Blocks of the full session that belong into an image here.
    struct Gap {
        /// Counted through all images of the full session.
        var first: UInt64
        var count: UInt64
        var image: ImageFile
        /// Where in the image. Bytes.
        var offset: UInt64

        /// Bytes that are missing there: the image's last block may be short.
        var bytes: UInt64 { min(count * UInt64(Block.size), image.size - offset) }

        /// Where its blocks begin in an image of the full session. Bytes.
        func start(in source: BlockTable.Image) -> UInt64 {
            first < source.first ? 0 : (first - source.first) * UInt64(Block.size)
        }

        /// Whether its blocks are all of this image, and as long as the gap.
        func isFilled(by source: BlockTable.Image) -> Bool {
            first >= source.first && first < source.first + source.blocks
                && count <= source.first + source.blocks - first
                && bytes == min(count * UInt64(Block.size), source.size - start(in: source))
        }

        static let missing = Failure(sentence: "it does not have the blocks that are needed of it")
    }

    private(set) var gaps: [Gap] = []
    let files: ImageFiles
    private var image: ImageFile?
    private var head: ImageDeltaHead?
    /// What is to come of the image, and where the next byte of it belongs.
    private var parts: ArraySlice<Range<UInt64>> = []
    private var offset: UInt64 = 0

    /// So many runs of a session's are believed: with single pages that is 64 GiB.
    static let mostRuns = 1 << 24

    init(_ files: ImageFiles) { self.files = files }

    func begin(_ member: StreamMember, size: UInt64) throws {
        image = nil
        head = nil
        switch member {
        case .image(let name): expect([0..<size], of: try files.make(name, size: size))
        case .delta(let name): head = ImageDeltaHead(of: name, contentSize: size)
        case .blocks, .record: throw Failure(sentence: "it is no full session, and has the member \(member.name)")
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        if head != nil {
            guard let delta = try head?.append(&rest) else { return }
            try begin(delta)
            head = nil
        }
        while !rest.isEmpty, let part = parts.first, let image {
            let count = Int(min(UInt64(rest.count), part.upperBound - offset))
            try files.write(UnsafeRawBufferPointer(rebasing: rest[..<count]), to: image, at: offset)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            offset += UInt64(count)
            if offset == part.upperBound { expect(parts.dropFirst(), of: image) }
        }
    }

    func end(_ member: StreamMember) throws {
        guard head == nil, parts.isEmpty else { throw Failure(sentence: "its member \(member.name) is cut short") }
    }

    private func begin(_ delta: (name: String, delta: ImageDelta)) throws {
        let image = try files.make(delta.name, size: delta.delta.size)
        var offset: UInt64 = 0
        for run in delta.delta.runs {
            if case .full(let first) = run.origin {
                gaps.append(Gap(first: first, count: run.count, image: image, offset: offset))
            }
            offset += run.count * UInt64(Block.size)
        }
        guard gaps.count <= Self.mostRuns else {
            throw Failure(sentence: "it has more runs of blocks than any session")
        }
        expect(delta.delta.newParts[...], of: image)
    }

    private func expect(_ parts: ArraySlice<Range<UInt64>>, of image: ImageFile) {
        self.image = image
        self.parts = parts.drop { $0.isEmpty }
        offset = self.parts.first?.lowerBound ?? 0
    }
}

/// The beginning of a member `delta/NAME`, which comes in pieces.
struct ImageDeltaHead {
    private let name: String
    private let contentSize: UInt64
    private var bytes: [UInt8] = []

    init(of name: String, contentSize: UInt64) {
        self.name = name
        self.contentSize = contentSize
    }

    /// Takes what belongs to it from the front of `piece`; gives it once it is complete.
    mutating func append(_ piece: inout UnsafeRawBufferPointer) throws -> (name: String, delta: ImageDelta)? {
        while true {
            let wanted = try size - bytes.count
            if wanted == 0 { break }
            guard !piece.isEmpty else { return nil }
            let count = min(wanted, piece.count)
            bytes += piece[..<count]
            piece = UnsafeRawBufferPointer(rebasing: piece[count...])
        }
        let delta = try ImageDelta(head: bytes)
        guard UInt64(bytes.count) + delta.newBytes == contentSize else { throw ImageDelta.damaged(name) }
        return (name, delta)
    }

    /// As far as it is known by now.
    private var size: Int {
        get throws {
            guard bytes.count >= ImageDelta.headSize else { return ImageDelta.headSize }
            let count = bytes.withUnsafeBytes {
                UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            }
            let size = ImageDelta.headSize + Int(count) * ImageDelta.runSize
            guard count <= DeltaImages.mostRuns, UInt64(size) <= contentSize else { throw ImageDelta.damaged(name) }
            return size
        }
    }
}
