internal import DeviceStore
internal import LinuxSystem

/// Compares the blocks of a full session with its `blocks`, and keeps nothing.
final class BlockVerifier: MemberHandler {
    private var encoded: [UInt8] = []
    /// `nil` for a session of a format that had none.
    private var table: BlockTable?
    private var images: [BlockTable.Image] = []
    private var image: BlockTable.Image?
    private var count: UInt64 = 0
    /// The next block of the image, and what has come of it.
    private var next: UInt64 = 0
    private var block: [UInt8] = []

    func begin(_ member: StreamMember, size: UInt64) throws {
        switch member {
        case .blocks:
            guard size <= FullSession.limit else { throw Failure(sentence: "its member blocks is too long") }
        case .image(let name):
            let image = BlockTable.Image(name: name, size: size, first: count)
            count += image.blocks
            images.append(image)
            self.image = image
            next = image.first
        case .delta, .record: throw Failure(sentence: "it is a full session, and has the member \(member.name)")
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard image != nil else {
            encoded += bytes
            return
        }
        var rest = bytes
        while !rest.isEmpty {
            let size = min(Block.size - block.count, rest.count)
            block += rest[..<size]
            rest = UnsafeRawBufferPointer(rebasing: rest[size...])
            if block.count == Block.size { try checkBlock() }
        }
    }

    func end(_ member: StreamMember) throws {
        if member == .blocks {
            table = try BlockTable(encoded)
            encoded = []
        }
        if !block.isEmpty { try checkBlock() }
        image = nil
    }

    private func checkBlock() throws {
        defer { block.removeAll(keepingCapacity: true) }
        guard let table, let image else { return }
        let digest = block.withUnsafeBytes { table.salt.digest($0) }
        guard next < table.digests.count, table.digests[Int(next)] == digest else {
            throw Failure(sentence: "its image \(image.name) is not what its digests say")
        }
        next += 1
    }

    func finish(_ manifest: SessionManifest) throws {
        try manifest.requireImageBytes(images.reduce(0) { $0 &+ $1.size })
        guard let table else { return }
        guard table.images == images else { throw Failure(sentence: "its member blocks is not of its images") }
    }

    /// Throws unless it has the blocks that fill the gaps.
    func requireBlocks(for gaps: [DeltaImages.Gap]) throws {
        for gap in gaps {
            guard let image = images.last(where: { $0.first <= gap.first && $0.blocks > 0 }), gap.isFilled(by: image)
            else {
                throw DeltaImages.Gap.missing
            }
        }
    }
}
