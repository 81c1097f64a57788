internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import SoundControl

/// What `volume` and `mute` share: which side of which pod's mixer, and how it is shown and changed.
struct MixerOptions: ParsableArguments {
    @Flag(help: "Of what the pod records, not of what it plays.")
    var capture = false

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var pod: String
        var direction: StreamConfiguration.Direction
        var volumePercent: Double
        /// `nil` for silence.
        var decibels: Double?
        var muted: Bool

        enum CodingKeys: String, CodingKey {
            case volumePercent = "volume_percent"
            case pod, direction, decibels, muted
        }
    }

    /// One side of a mixer.
    struct Side {
        /// Linear, 0...1.
        var volume: Double
        var isMuted: Bool
    }

    /// Makes of that side what `change` says, where it is something else, and shows what there is then.
    func show(_ change: (inout Side) -> Void) throws {
        let (name, client) = try pod.runningBroker()
        guard case .status(let status) = try ask(client, .status, of: name) else {
            throw Failure("the sound of pod \(name)", "its broker answered something else", remedy: "upgrade both")
        }
        let volume: WritableKeyPath<MixerState, Double> = capture ? \.capture : \.playback
        let muted: WritableKeyPath<MixerState, Bool> = capture ? \.captureMuted : \.playbackMuted
        var mixer = status.mixer
        var side = Side(volume: mixer[keyPath: volume], isMuted: mixer[keyPath: muted])
        change(&side)
        mixer[keyPath: volume] = side.volume
        mixer[keyPath: muted] = side.isMuted
        if mixer != status.mixer { _ = try ask(client, .setMixer(mixer), of: name) }

        let answer = Answer(
            pod: name, direction: capture ? .capture : .playback, volumePercent: rounded(side.volume * 100, 2),
            decibels: side.volume > 0 ? rounded(20 * log10(side.volume), 2) : nil, muted: side.isMuted)
        try output.show(answer) {
            let decibels = answer.decibels.map { "\($0) dB" } ?? "silent"
            return [
                ("pod", name),
                ("\(answer.direction.rawValue) volume", "\(Int((side.volume * 100).rounded()))% (\(decibels))"),
                ("muted", side.isMuted ? "yes" : "no"),
            ]
        }
    }

    private func rounded(_ value: Double, _ digits: Int) -> Double {
        let scale = pow(10, Double(digits))
        // Not the negative zero that a logarithm of unity may leave.
        return (value * scale).rounded() / scale + 0
    }
}
