import SoundLab
import Testing

@Suite struct FrameComparisonTests {
    let reference: [UInt32] = (1...5000).map { UInt32($0) &* 2_654_435_761 | 1 }

    @Test func aRecordingOfEveryFrameIsExactWhateverSilenceSurroundsIt() {
        let comparison = FrameComparison(reference: reference, recording: [0, 0, 0] + reference + [0])
        #expect(comparison.isExact)
        #expect(comparison.heard == 5000)
    }

    @Test func aMissingFrameIsLost() {
        var recording = reference
        recording.remove(at: 1234)
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.lost == 1)
        #expect(comparison.repeated == 0 && comparison.altered == 0)
    }

    @Test func framesThatComeAgainAreRepeated() {
        let recording = Array(reference[..<3000] + reference[2900...])
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.repeated == 100)
        #expect(comparison.lost == 0 && comparison.altered == 0)
        #expect(comparison.heard == 5000)
    }

    @Test func aChangedBitIsAnAlteredFrame() {
        var recording = reference
        recording[77] ^= 1
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.altered == 1)
        #expect(comparison.lost == 0 && comparison.repeated == 0)
    }

    @Test func silenceInBetweenIsNeitherLossNorChange() {
        let recording = Array(reference[..<3000] + [0, 0, 0, 0] + reference[3000...])
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.isExact)
        #expect(comparison.silent == 4)
    }

    @Test func silenceBeforeFramesThatComeAgainChangesNoneOfThem() {
        let recording = Array(reference[..<3000] + [0, 0, 0, 0] + reference[2950...])
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.repeated == 50)
        #expect(comparison.silent == 4)
        #expect(comparison.altered == 0 && comparison.lost == 0)
    }

    @Test func aFrameThatBecameSilenceIsAltered() {
        var recording = reference
        recording[900] = 0
        let comparison = FrameComparison(reference: reference, recording: recording)
        #expect(comparison.altered == 1)
        #expect(comparison.silent == 0 && comparison.lost == 0)
    }

    @Test func anEndThatWasNeverHeardIsLost() {
        let comparison = FrameComparison(reference: reference, recording: Array(reference.dropLast(10)))
        #expect(comparison.lost == 10)
    }

    @Test func nothingHeardIsAllLost() {
        #expect(FrameComparison(reference: reference, recording: [0, 0]).lost == 5000)
    }
}
