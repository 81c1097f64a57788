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
            } else if let found = Self.nearest(recording, index, in: reference, to: place), found != place {
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

    /// The place in `reference`, nearest to `expected`, at which `frames` begin; `nil` when they are not in it.
    public static func place(of frames: [UInt32], in reference: [UInt32], near expected: Int) -> Int? {
        nearest(frames[...], 0, in: reference[...], to: min(max(expected, 0), reference.count))
    }

    private static func agrees(
        _ recording: ArraySlice<UInt32>, _ index: Int, _ reference: ArraySlice<UInt32>, _ place: Int
    ) -> Bool {
        let count = min(window, recording.endIndex - index, reference.endIndex - place)
        guard count > 0, place >= reference.startIndex else { return false }
        return recording[index..<index + count] == reference[place..<place + count]
    }

    /// Where in the reference the recording goes on, nearest to `place` first.
    private static func nearest(
        _ recording: ArraySlice<UInt32>, _ index: Int, in reference: ArraySlice<UInt32>, to place: Int
    ) -> Int? {
        let furthest = max(reference.endIndex - place, place - reference.startIndex)
        guard furthest > 0, index < recording.endIndex else { return nil }
        let first = recording[index]
        for distance in 0...furthest {
            for candidate in [place + distance, place - distance]
            where reference.indices.contains(candidate) && reference[candidate] == first {
                if agrees(recording, index, reference, candidate) { return candidate }
            }
        }
        return nil
    }
}
