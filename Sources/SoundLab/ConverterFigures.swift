internal import Glibc

/// How well a rate converter did on a `ConverterProbe`, dB.
public struct ConverterFigures: Sendable, Codable {
    /// A sine of 997 Hz above what is neither it nor one of its first nine overtones.
    public var signalToNoise: Double
    /// All that a sine of 997 Hz came with, below it: negative.
    public var distortionAndNoise: Double
    /// A sweep from 20 Hz to 16 kHz (0.8 of the lower Nyquist frequency where that is less) above its difference from
    /// the ideal, gain and delay fitted.
    public var sweepSignalToNoise: Double
    /// At 19 kHz against 997 Hz; `nil` where one of the rates cannot hold it.
    public var gainAt19kHz: Double?
    /// The loudest image or alias of a tone that is either below 0.9 of the lower Nyquist frequency or above it, against
    /// the tone: negative.
    public var worstImage: Double
    /// Frames at the sink's rate by which the output came after the ideal.
    public var delay: Double
}

extension ConverterProbe {
    /// Measures what a converter made of `input`, at the sink's rate; `nil` when the probe is not in it.
    ///
    /// What was recorded may have any silence before it and any gain; the clocks must be the same.
    public func figures(of output: [Float]) -> ConverterFigures? {
        guard let (delay, sweepResidual, sweepAmplitude) = alignment(of: output) else { return nil }
        let rate = Double(sinkRate)
        /// The middle of a tone.
        func samples(_ tone: Tone) -> ArraySlice<Float> {
            let first = Int(((tone.start + tone.seconds * 0.2) * rate + delay).rounded(.up))
            let last = Int((tone.start + tone.seconds * 0.8) * rate + delay)
            guard first >= 0, last < output.count else { return [] }
            return output[first...last]
        }
        let sine = LeastSquares.sines(samples(reference), rate: rate, frequencies: [reference.frequency])
        let overtones = (1...10).map { Double($0) * reference.frequency }.filter { $0 < rate / 2 }
        let clean = LeastSquares.sines(samples(reference), rate: rate, frequencies: overtones)
        let level = sine.amplitude(0) / 2.0.squareRoot()
        let gain = high.map { high in
            LeastSquares.sines(samples(high), rate: rate, frequencies: [high.frequency]).amplitude(0)
        }
        let images = row.map { worstImage(of: $0, in: samples($0)) / sine.amplitude(0) }
        return ConverterFigures(
            signalToNoise: Self.decibels(level / clean.residual),
            distortionAndNoise: Self.decibels(sine.residual / level),
            sweepSignalToNoise: Self.decibels(sweepAmplitude / 2.0.squareRoot() / sweepResidual),
            gainAt19kHz: gain.map { Self.decibels($0 / sine.amplitude(0)) },
            worstImage: Self.decibels(images.max() ?? 0), delay: delay)
    }

    private static func decibels(_ ratio: Double) -> Double { 20 * log10(max(ratio, 1e-15)) }

    // MARK: Images

    /// The amplitude of the loudest image of a tone. A signal of the source's rate is worth its frequency either side of
    /// each multiple of that rate; what is left of them lies, folded, below the sink's Nyquist frequency.
    private func worstImage(of tone: Tone, in samples: ArraySlice<Float>) -> Double {
        let (source, sink) = (Double(sourceRate), Double(sinkRate))
        let isPassed = tone.frequency < min(source, sink) / 2
        let rest =
            isPassed
            ? LeastSquares.sines(samples, rate: sink, frequencies: [tone.frequency]).rest : samples.map(Double.init)
        var worst = 0.0
        for multiple in 0...8 {
            for image in [Double(multiple) * source - tone.frequency, Double(multiple) * source + tone.frequency] {
                let folded = abs(image - (image / sink).rounded() * sink)
                // Not the tone itself, nor so near to it or to 0 that it could not be told from them.
                if isPassed, abs(folded - tone.frequency) < 60 { continue }
                if folded < 60 || folded > sink / 2 - 60 { continue }
                worst = max(worst, Self.amplitude(of: folded / sink, in: rest))
            }
        }
        return worst
    }

    /// Of one frequency, in turns per sample, under a window of Blackman and Harris, whose side lobes are at -92 dB.
    private static func amplitude(of frequency: Double, in samples: [Double]) -> Double {
        var (real, imaginary, weight) = (0.0, 0.0, 0.0)
        for (index, sample) in samples.enumerated() {
            let turn = 2 * .pi * (Double(index) + 0.5) / Double(samples.count)
            let window = 0.35875 - 0.48829 * cos(turn) + 0.14128 * cos(2 * turn) - 0.01168 * cos(3 * turn)
            let angle = 2 * .pi * frequency * Double(index)
            real += sample * window * cos(angle)
            imaginary += sample * window * sin(angle)
            weight += window
        }
        return 2 * hypot(real, imaginary) / max(weight, 1e-9)
    }

    // MARK: Where it begins

    /// The delay in frames at the sink's rate, and of the sweep what is not it and its amplitude.
    private func alignment(of output: [Float]) -> (delay: Double, residual: Double, amplitude: Double)? {
        let rate = Double(sinkRate)
        guard let loud = output.firstIndex(where: { abs($0) > 0.01 }) else { return nil }
        let coarse = Double(loud) - reference.start * rate
        let lag = Int(0.02 * rate)
        let candidates = (-lag...lag).map { (coarse.rounded() + Double($0)) }
        func correlation(_ delay: Double) -> Double {
            let middle = Int((sweep.start + sweep.seconds * 0.5) * rate)
            var sum = 0.0
            for frame in middle..<middle + 4000 {
                let place = frame + Int(delay)
                guard output.indices.contains(place) else { continue }
                sum += Double(output[place]) * sweep.value(at: Double(frame) / rate)
            }
            return sum
        }
        let scores = candidates.map(correlation)
        guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }) else { return nil }
        var delay = candidates[best]
        let first = Int((sweep.start + sweep.seconds * 0.02) * rate + delay)
        let last = Int((sweep.start + sweep.seconds * 0.98) * rate + delay)
        guard first >= 0, last < output.count else { return nil }
        // By Newton's method: the sweep a little later is the sweep less its slope.
        for _ in 0..<8 {
            let fit = sweepFit(output[first...last], delay: delay)
            delay -= fit.shares[1] / fit.shares[0] * rate
        }
        // Silence, or something else, where the sweep should be.
        guard delay.isFinite, abs(delay - candidates[best]) < 2 else { return nil }
        let fit = sweepFit(output[first...last], delay: delay)
        return (delay, fit.residual, abs(fit.shares[0]))
    }

    private func sweepFit(_ samples: ArraySlice<Float>, delay: Double) -> LeastSquares {
        LeastSquares(samples: samples, count: 2) { index, values in
            let time = (Double(index) - delay) / Double(sinkRate)
            values[0] = sweep.value(at: time)
            values[1] = sweep.slope(at: time)
        }
    }
}
