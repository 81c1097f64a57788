/// What became of every frame of a reference on its way to where it was recorded.
///
/// A frame is one stereo sample of 16 bits, as the 32 bits it takes in memory. The reference must not repeat
/// itself within a few frames (music with a noise floor does not), or a place in it could not be told.
public struct FrameComparison: Equatable, Sendable {
    /// Frames of the reference that were heard, in order and unchanged.
    public var heard = 0
    /// Frames of the reference that were never heard.
    public var lost = 0
    /// Frames that were heard again.
    public var repeated = 0
    /// Frames that were heard as something else.
    public var altered = 0
    /// Frames of silence in between that the reference does not have: nothing is missing, but it stuttered.
    public var silent = 0

    public var isExact: Bool { lost == 0 && repeated == 0 && altered == 0 }

    /// How many frames in a row must agree for a place to be told.
    private static let window = 24

    public init() {}

    /// Compares `recording` with `reference`, both without their silence at either end.
    public init(reference: [UInt32], recording: [UInt32]) {
        let reference = Self.trimmed(reference)
        let recording = Self.trimmed(recording)
        var place = reference.startIndex
        var index = recording.startIndex
        var places: FramePlaces?
        while index < recording.endIndex {
            if place < reference.endIndex, recording[index] == reference[place] {
                heard += 1
                index += 1
                place += 1
                continue
            }
            let silence = recording[index...].prefix { $0 == 0 }.count
            if silence > 0, !Self.agrees(recording, index + silence, reference, place + silence) {
                silent += silence
                index += silence
                continue
            }
            // Made only when something is wrong.
            let map = places ?? FramePlaces(reference)
            places = map
            if let found = map.nearest(to: place, of: recording[index...], window: Self.window), found != place {
                if found > place {
                    lost += found - place
                } else {
                    repeated += place - found; heard -= place - found
                }
                place = found
            } else {
                altered += 1
                index += 1
                if place < reference.endIndex { place += 1 }
            }
        }
        lost += reference.endIndex - place
    }

    /// Without the frames of digital silence at the beginning and the end.
    public static func trimmed(_ frames: [UInt32]) -> ArraySlice<UInt32> {
        guard let first = frames.firstIndex(where: { $0 != 0 }), let last = frames.lastIndex(where: { $0 != 0 })
        else { return [] }
        return frames[first...last]
    }

    /// Without any frame of digital silence.
    public static func withoutSilence(_ frames: [UInt32]) -> [UInt32] { frames.filter { $0 != 0 } }

    /// The place in `reference`, nearest to `expected`, at which `frames` begin; `nil` when they are not in it.
    public static func place(of frames: [UInt32], in reference: [UInt32], near expected: Int) -> Int? {
        FramePlaces(reference[...]).nearest(to: expected, of: frames[...], window: window)
    }

    private static func agrees(
        _ recording: ArraySlice<UInt32>, _ index: Int, _ reference: ArraySlice<UInt32>, _ place: Int
    ) -> Bool {
        let count = min(window, recording.endIndex - index, reference.endIndex - place)
        guard count > 0, place >= reference.startIndex else { return false }
        return recording[index..<index + count] == reference[place..<place + count]
    }
}

/// Finds frames in a reference without looking through all of it.
private struct FramePlaces {
    private let reference: ArraySlice<UInt32>
    /// All places, ordered by the frame that is there.
    private let ordered: [Int]

    init(_ reference: ArraySlice<UInt32>) {
        self.reference = reference
        ordered = reference.indices.sorted { (reference[$0], $0) < (reference[$1], $1) }
    }

    /// Where in the reference `frames` begin, nearest to `place`; told by the first `window` of them.
    func nearest(to place: Int, of frames: ArraySlice<UInt32>, window: Int) -> Int? {
        guard let first = frames.first else { return nil }
        var low = 0
        var high = ordered.count
        while low < high {
            let middle = (low + high) / 2
            if reference[ordered[middle]] < first { low = middle + 1 } else { high = middle }
        }
        let candidates = ordered[low...].prefix { reference[$0] == first }
        return candidates.filter { candidate in
            let count = min(window, frames.count, reference.endIndex - candidate)
            return frames.prefix(count) == reference[candidate..<candidate + count]
        }.min { abs($0 - place) < abs($1 - place) }
    }
}
