internal import LinuxSystem
internal import SystemPackage

/// A full session as it goes by, whose blocks fill the gaps of another.
///
/// The gaps are sorted by where their blocks lie in the full session, which is read once from its beginning to its end: as
/// fast as to unpack it, and without a place for what is not wanted.
final class FullBlocks: MemberHandler {
    private let files: ImageFiles
    private let blocks: BlocksFile
    /// By their first blocks.
    private let gaps: [DeltaImages.Gap]
    /// The first of the gaps that have not begun.
    private var next = 0
    /// Those that have begun and not ended.
    private var open: [DeltaImages.Gap] = []
    private var source: BlockTable.Image?
    private var offset: UInt64 = 0

    init(for delta: DeltaImages, blocks: FilePath) {
        files = delta.files
        gaps = delta.gaps.sorted { $0.first < $1.first }
        self.blocks = BlocksFile(blocks)
    }

    func begin(_ member: StreamMember, size: UInt64) throws {
        offset = 0
        switch member {
        case .image(let name): source = blocks.saw(name, size)
        case .blocks: try blocks.begin()
        case .delta, .record: throw Failure(sentence: "it is a full session, and has the member \(member.name)")
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        guard let source else { return try blocks.append(bytes) }
        let end = offset + UInt64(bytes.count)
        while next < gaps.count, gaps[next].start(in: source) < end {
            guard gaps[next].isFilled(by: source) else { throw DeltaImages.Gap.missing }
            open.append(gaps[next])
            next += 1
        }
        for gap in open {
            let from = gap.start(in: source)
            let first = max(from, offset)
            let last = min(from + gap.bytes, end)
            guard first < last else { continue }
            let piece = UnsafeRawBufferPointer(rebasing: bytes[Int(first - offset)..<Int(last - offset)])
            try files.write(piece, to: gap.image, at: gap.offset + first - from)
        }
        open.removeAll { $0.start(in: source) + $0.bytes <= end }
        offset = end
    }

    func end(_ member: StreamMember) throws { source = nil }

    func finish() throws {
        guard next == gaps.count, open.isEmpty else { throw DeltaImages.Gap.missing }
        try blocks.verify()
    }
}
