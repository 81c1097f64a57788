import DeviceTestSupport

/// What a disk may hold when its power goes, of a record of what reached it.
///
/// Whatever was written before the last flush is there. Of what was written since, the disk may have kept any part, in any
/// order, and of the write under way any sectors.
struct CrashPoints {
    struct Point {
        /// Records that are whole, in order; those since the last flush only if they are not in `lost`.
        var count: Int
        var lost: Set<Int> = []
        /// Of the last one, which sectors are there.
        var torn: Torn?
        var name: String
        /// Nothing was lost, torn or turned round.
        var isPlain: Bool { lost.isEmpty && torn == nil }
    }

    enum Torn: CaseIterable {
        case firstHalf, lastHalf, everyOther
    }

    static let sector = 512

    let points: [Point]

    /// Every number of records from `first` on; each with its last write torn, in the ways in which that makes a difference;
    /// and of what was not flushed some other selections, the same ones in each run.
    init(_ records: [RecordingDisk.Record], from first: Int) {
        var points: [Point] = []
        var random = SampleRandom(seed: 4)
        var unflushed: [Int] = []
        for count in first...records.count {
            points.append(Point(count: count, name: "\(count) records"))
            if count > first, case .write(_, let bytes) = records[count - 1] {
                for torn in Torn.allCases where bytes.count > Self.sector {
                    points.append(Point(count: count, torn: torn, name: "\(count) records, \(torn) of the last"))
                }
                unflushed.append(count - 1)
                // The one just written is there, and not what was written before it.
                if unflushed.count > 1 {
                    points.append(
                        Point(count: count, lost: Set(unflushed.dropLast()), name: "\(count) records, only the last"))
                    let lost = Set(unflushed.filter { _ in random.next(below: 2) == 0 })
                    points.append(Point(count: count, lost: lost, name: "\(count) records without \(lost.sorted())"))
                }
            } else {
                unflushed = []
            }
        }
        self.points = points
    }

    /// The disk's bytes at a point.
    ///
    /// - Parameter flushed: with all records before `base`.
    static func apply(
        _ point: Point, of records: [RecordingDisk.Record], from base: Int, to bytes: inout [UInt8]
    ) {
        for index in base..<max(point.count, base) where !point.lost.contains(index) {
            guard case .write(let offset, let new) = records[index] else { continue }
            let isLast = index == point.count - 1
            for start in stride(from: 0, to: new.count, by: sector) {
                if isLast, let torn = point.torn {
                    let isThere =
                        switch torn {
                        case .firstHalf: start < new.count / 2
                        case .lastHalf: start >= new.count / 2
                        case .everyOther: start / sector % 2 == 0
                        }
                    if !isThere { continue }
                }
                let end = min(start + sector, new.count)
                bytes.replaceSubrange(offset + start..<offset + end, with: new[start..<end])
            }
        }
    }
}
