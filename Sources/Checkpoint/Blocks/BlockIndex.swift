/// Finds the blocks of a full session by their digests.
///
/// Memory: 8 to 16 bytes for each block beside the table's own 16.
struct BlockIndex {
    let table: BlockTable
    /// Open addressing: the number of a block plus one, 0 for none. The digests are random, so they are their own hashes.
    private var slots: [UInt32]
    private let mask: Int
    private let byName: [String: BlockTable.Image]
    /// The numbers of the images' first blocks.
    private let firsts: Set<UInt64>

    init(_ table: BlockTable) {
        self.table = table
        var capacity = 16
        while capacity < 2 * table.digests.count { capacity *= 2 }
        mask = capacity - 1
        slots = [UInt32](repeating: 0, count: capacity)
        firsts = Set(table.images.map(\.first))
        byName = Dictionary(table.images.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        // More blocks than a number here can say are 16 TiB.
        for (number, digest) in table.digests.prefix(Int(UInt32.max) - 1).enumerated() where digest != .zero {
            insert(digest, UInt32(number))
        }
    }

    func image(_ name: String) -> BlockTable.Image? { byName[name] }

    /// The number of a block with this digest; of several the first.
    func find(_ digest: BlockDigest) -> UInt64? {
        var slot = Int(truncatingIfNeeded: digest.low) & mask
        while slots[slot] != 0 {
            let number = slots[slot] - 1
            if table.digests[Int(number)] == digest { return UInt64(number) }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Whether the block after that one has this digest and belongs to the same image.
    func goesOn(from number: UInt64, with digest: BlockDigest) -> Bool {
        let next = Int(number) + 1
        return next < table.digests.count && table.digests[next] == digest && !firsts.contains(UInt64(next))
    }

    private mutating func insert(_ digest: BlockDigest, _ number: UInt32) {
        var slot = Int(truncatingIfNeeded: digest.low) & mask
        while slots[slot] != 0 {
            if table.digests[Int(slots[slot] - 1)] == digest { return }
            slot = (slot + 1) & mask
        }
        slots[slot] = number + 1
    }
}
