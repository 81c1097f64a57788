internal import LinuxSystem

/// Blocks of an image, one after the other, that come from one place.
struct BlockRun: Equatable {
    enum Origin: Equatable {
        /// They are zeros.
        case zeros
        /// They follow in the delta.
        case new
        /// They are those of the full session from that one on, all of one image.
        case full(UInt64)
    }

    var origin: Origin
    var count: UInt64
}

/// How an image consists of new blocks and of a full session's: the member `delta/NAME`; all numbers are little-endian:
///
///      8 bytes   the image's size
///      4 bytes   number of runs
///      4 bytes   zero
///     for each run, in the order of the image:
///      4 bytes   0 zeros, 1 new, 2 of the full session
///      4 bytes   number of blocks, at least one
///      8 bytes   of the full session: the number of the first, counted through all its images; else 0
///                the new blocks
struct ImageDelta: Equatable {
    /// Bytes.
    var size: UInt64
    var runs: [BlockRun]

    /// Before the runs. Bytes.
    static let headSize = 16
    static let runSize = 16

    /// Whether there is anything but new blocks.
    var isWorthwhile: Bool { runs.contains { $0.origin != .new } }

    /// The parts of the image that follow.
    var newParts: [Range<UInt64>] {
        var parts: [Range<UInt64>] = []
        var block: UInt64 = 0
        for run in runs {
            if run.origin == .new {
                parts.append(block * UInt64(Block.size)..<min((block + run.count) * UInt64(Block.size), size))
            }
            block += run.count
        }
        return parts
    }

    var newBytes: UInt64 { newParts.reduce(0) { $0 + UInt64($1.count) } }

    var head: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: size)
        bytes.append(littleEndian: UInt32(runs.count))
        bytes.append(littleEndian: UInt32(0))
        for run in runs {
            let (kind, first): (UInt32, UInt64) =
                switch run.origin {
                case .zeros: (0, 0)
                case .new: (1, 0)
                case .full(let first): (2, first)
                }
            bytes.append(littleEndian: kind)
            bytes.append(littleEndian: UInt32(run.count))
            bytes.append(littleEndian: first)
        }
        return bytes
    }

    /// Compares an image with a full session's: with what goes on from the block before, else with what lies at the same
    /// place of the image of the same name, else with all of it.
    init(of image: BlockTable.Image, in table: BlockTable, against full: BlockIndex) {
        size = image.size
        runs = []
        let peer = full.image(image.name)
        for position in 0..<image.blocks {
            let digest = table.digests[Int(image.first + position)]
            if digest == .zero {
                append(.zeros)
            } else if let last = runs.last, case .full(let first) = last.origin,
                full.goesOn(from: first + last.count - 1, with: digest), last.count < UInt32.max
            {
                runs[runs.count - 1].count += 1
            } else if let peer, position < peer.blocks, full.table.digests[Int(peer.first + position)] == digest {
                runs.append(BlockRun(origin: .full(peer.first + position), count: 1))
            } else if let found = full.find(digest) {
                runs.append(BlockRun(origin: .full(found), count: 1))
            } else {
                append(.new)
            }
        }
    }

    private mutating func append(_ origin: BlockRun.Origin) {
        if let last = runs.last, last.origin == origin, last.count < UInt32.max {
            runs[runs.count - 1].count += 1
        } else {
            runs.append(BlockRun(origin: origin, count: 1))
        }
    }

    /// All of it before the new blocks, of which nothing is believed.
    init(head: [UInt8]) throws(Failure) {
        var reader = ByteReader(head)
        guard let size: UInt64 = reader.number(), size < 1 << 56, let count: UInt32 = reader.number(),
            let zero: UInt32 = reader.number(), zero == 0
        else { throw Self.damaged() }
        var runs: [BlockRun] = []
        var blocks: UInt64 = 0
        for _ in 0..<count {
            guard let kind: UInt32 = reader.number(), let count: UInt32 = reader.number(), count > 0,
                let first: UInt64 = reader.number(), first < 1 << 48
            else { throw Self.damaged() }
            let origin: BlockRun.Origin
            switch kind {
            case 0: origin = .zeros
            case 1: origin = .new
            case 2: origin = .full(first)
            default: throw Self.damaged()
            }
            runs.append(BlockRun(origin: origin, count: UInt64(count)))
            blocks += UInt64(count)
        }
        guard blocks == Block.count(of: size) else { throw Self.damaged() }
        self.size = size
        self.runs = runs
    }

    static func damaged(_ name: String? = nil) -> Failure {
        Failure(sentence: "its member \(name.map { StreamMember.delta($0).name } ?? "of an image's delta") is damaged")
    }
}
