internal import CSampleRate
internal import SoundDSP

/// libsamplerate as a program without us would call it.
final class BareLibrary {
    private let state: OpaquePointer
    private let ratio: Double

    init?(_ kind: ConverterKind, ratio: RateRatio, channels: Int) {
        let type: Int
        switch kind {
        case .polyphase: return nil
        case .samplerateFastest: type = SRC_SINC_FASTEST
        case .samplerateMedium: type = SRC_SINC_MEDIUM_QUALITY
        case .samplerateBest: type = SRC_SINC_BEST_QUALITY
        }
        var error: Int32 = 0
        guard let state = src_new(Int32(type), Int32(channels), &error) else { return nil }
        self.state = state
        self.ratio = Double(ratio.output) / Double(ratio.input)
    }

    deinit { src_delete(state) }

    func convert(
        _ input: UnsafePointer<Float>, frames: Int, _ output: UnsafeMutablePointer<Float>, capacity: Int
    ) -> (used: Int, made: Int) {
        var data = SRC_DATA()
        data.data_in = input
        data.input_frames = frames
        data.data_out = output
        data.output_frames = capacity
        data.src_ratio = ratio
        src_process(state, &data)
        return (data.input_frames_used, data.output_frames_gen)
    }
}
