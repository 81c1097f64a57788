internal import Glibc

/// The sound by which a rate converter is measured, and the measuring of what became of it.
///
/// Silence, 997 Hz, a sweep, 19 kHz and a row of tones, one channel, at half of full scale. Any converter will do, also
/// one that is only heard: where its output begins is found by the sweep, its delay and gain are fitted.
public struct ConverterProbe: Sendable {
    /// Hz.
    public let sourceRate: UInt32
    public let sinkRate: UInt32
    /// At the source's rate.
    public let input: [Float]

    /// One tone of the signal, s and Hz.
    struct Tone {
        var start: Double
        var seconds: Double
        var frequency: Double
    }

    let reference: Tone
    let sweep: LinearSweep
    /// `nil` where one of the rates cannot hold 19 kHz.
    let high: Tone?
    /// Below the sink's transition band, to look for images, and above its Nyquist frequency, to look for aliases.
    let row: [Tone]
    static let amplitude = 0.5
    private static let gap = 0.1
    private static let fade = 0.01

    /// Rates in Hz, from 4000 on: 997 Hz and its first overtone must fit.
    public init(from source: UInt32, to sink: UInt32) {
        precondition(min(source, sink) >= 4000, "the probe needs rates from 4000 Hz on")
        sourceRate = source
        sinkRate = sink
        let nyquist = Double(min(source, sink)) / 2
        var time = 0.25
        func next(_ seconds: Double, _ frequency: Double) -> Tone {
            defer { time += seconds + Self.gap }
            return Tone(start: time, seconds: seconds, frequency: frequency)
        }
        reference = next(1, 997)
        sweep = LinearSweep(start: time, seconds: 2, from: 20, to: min(16000, nyquist * 0.8))
        time += sweep.seconds + Self.gap
        high = nyquist > 19000 ? next(0.5, 19000) : nil
        // Odd parts of the rate, so that no image falls onto another tone.
        var row = (1...10).map { next(0.2, nyquist * 0.9 * Double($0) / 10 - 13) }
        if source > sink {
            let top = Double(source) / 2
            row += (1...10).map { next(0.2, nyquist * 1.005 + (top * 0.99 - nyquist * 1.005) * Double($0) / 10) }
        }
        self.row = row
        var input = [Float](repeating: 0, count: Int((time + 0.25) * Double(source)))
        for tone in [reference] + (high.map { [$0] } ?? []) + row {
            Self.add(to: &input, rate: source, start: tone.start, seconds: tone.seconds) { time in
                sin(2 * .pi * tone.frequency * time)
            }
        }
        let sweep = sweep
        Self.add(to: &input, rate: source, start: sweep.start, seconds: sweep.seconds) { sweep.value(at: $0) }
        self.input = input
    }

    /// With soft ends, which keep clear of what is measured.
    private static func add(
        to input: inout [Float], rate: UInt32, start: Double, seconds: Double, _ value: (Double) -> Double
    ) {
        for frame in Int(start * Double(rate))..<Int((start + seconds) * Double(rate)) {
            let time = Double(frame) / Double(rate)
            let edge = min(time - start, start + seconds - time) / fade
            let gain = edge >= 1 ? 1 : (1 - cos(.pi * max(0, edge))) / 2
            input[frame] = Float(amplitude * gain * value(time))
        }
    }
}

/// A sine whose frequency rises evenly.
struct LinearSweep: Sendable {
    /// s.
    var start: Double
    var seconds: Double
    /// Hz.
    var from: Double
    var to: Double

    private func phase(at time: Double) -> Double {
        let (low, elapsed) = (from, time - start)
        return 2 * .pi * (low * elapsed + (to - low) / seconds / 2 * elapsed * elapsed)
    }

    func value(at time: Double) -> Double { sin(phase(at: time)) }

    /// Its rise, 1/s.
    func slope(at time: Double) -> Double {
        2 * .pi * (from + (to - from) / seconds * (time - start)) * cos(phase(at: time))
    }
}
