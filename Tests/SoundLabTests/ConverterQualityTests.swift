import SoundDSP
import SoundLab
import Testing

@Suite struct ConverterQualityTests {
    /// PulseAudio's speex-float-1, which Debian's has as its standard, gives 76 dB at 997 Hz and 42 dB over the sweep.
    @Test(arguments: [(UInt32(44100), UInt32(48000)), (48000, 44100), (96000, 44100), (44100, 192_000)])
    func theStandardConverterIsTransparent(rates: (UInt32, UInt32)) throws {
        let quality = try ConverterQuality.measure(.standard, from: rates.0, to: rates.1, seconds: 0.1, rounds: 1)
        #expect(quality.figures.signalToNoise > 140)
        #expect(quality.figures.distortionAndNoise < -140)
        #expect(quality.figures.sweepSignalToNoise > 140)
        #expect(abs(quality.figures.gainAt19kHz ?? 1) < 0.001)
        #expect(quality.figures.worstImage < -130)
        #expect(abs(quality.figures.delay) < 1e-6)
    }

    @Test func aRecordedPeerIsMeasuredWhereverItBegins() throws {
        let probe = ConverterProbe(from: 48000, to: 48000)
        // The ideal, softer by half and some frames late, is limited by its own rounding only.
        let late = [Float](repeating: 0, count: 12345) + probe.input.map { $0 / 2 }
        let figures = try #require(probe.figures(of: late))
        #expect(abs(figures.delay - 12345) < 1e-6)
        #expect(figures.signalToNoise > 145 && figures.sweepSignalToNoise > 145)
        // In steps of 16 bits, the noise is theirs: 98 dB below full scale, of which the tone is a quarter.
        let coarse = late.map { ($0 * 32768).rounded() / 32768 }
        let rounded = try #require(probe.figures(of: coarse))
        #expect((84...90).contains(rounded.sweepSignalToNoise))
        #expect(probe.figures(of: []) == nil)
        #expect(probe.figures(of: [Float](repeating: 0, count: late.count)) == nil)
        #expect(probe.figures(of: Array(late.prefix(60000))) == nil)
        // A recording that fell silent after the first tone.
        #expect(probe.figures(of: late.prefix(74000) + [Float](repeating: 0, count: late.count)) == nil)
    }

    @Test func anImageIsFound() throws {
        // Every other frame silent: 24 kHz to 48 kHz without any filter has images as loud as the tones.
        let probe = ConverterProbe(from: 24000, to: 48000)
        let figures = try #require(probe.figures(of: probe.input.flatMap { [$0, 0] }))
        #expect(abs(figures.worstImage) < 0.1)
    }
}
