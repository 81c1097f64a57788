internal import ArgumentParser
internal import CLI
internal import SoundDSP
internal import SoundLab

/// `mediapod-lab converters`: what docs/converters.md says of the rate converters, measured anew.
struct MeasureConverters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "converters", abstract: "Measure the quality and the speed of the sample rate converters.")

    @Option(help: "The source's rate, Hz.")
    var from: UInt32 = 44100

    @Option(help: "The sink's rate, Hz.")
    var to: UInt32 = 48000

    @OptionGroup var output: OutputOptions

    func validate() throws {
        let rates: ClosedRange<UInt32> = 4000...384_000
        guard rates.contains(from), rates.contains(to), from != to else {
            throw ValidationError("The rates must differ, and lie between 4000 and 384000 Hz.")
        }
    }

    func run() throws {
        let measured = try ConverterKind.allCases.map { try ConverterQuality.measure($0, from: from, to: to) }
        try output.show(
            measured, empty: "",
            columns: [
                "converter", "SNR 997 Hz, dB", "THD+N, dB", "SNR sweep, dB", "gain 19 kHz, dB", "worst image, dB",
                "tail, frames", "speed", "library's",
            ]
        ) { quality in
            let figures = quality.figures
            return [
                .text(quality.kind.rawValue), .number(Self.text(figures.signalToNoise, 1)),
                .number(Self.text(figures.distortionAndNoise, 1)), .number(Self.text(figures.sweepSignalToNoise, 1)),
                .number(figures.gainAt19kHz.map { Self.text($0, 3) } ?? ""),
                .number(Self.text(figures.worstImage, 1)), .number("\(quality.tailFrames)"),
                .number(Self.text(quality.speed, 0)), .number(quality.librarySpeed.map { Self.text($0, 0) } ?? ""),
            ]
        }
    }

    /// With `decimals` digits behind the point, 0...3.
    private static func text(_ value: Double, _ decimals: Int) -> String {
        let scale = [1, 10, 100, 1000][decimals]
        let steps = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && steps > 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(steps)" }
        let fraction = String(steps % scale)
        let zeros = String(repeating: "0", count: decimals - fraction.count)
        return "\(sign)\(steps / scale).\(zeros)\(fraction)"
    }
}
