internal import ArgumentParser

/// `podaudio mute on|off|toggle`: silence without touching the volume, kept with the pod.
struct MuteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mute", abstract: "Show or set whether a running pod is muted.",
        discussion: "Sound goes on unheard: programs in the pod play on, and what they record is silence.")

    enum Wish: String, ExpressibleByArgument, CaseIterable {
        case on, off, toggle
    }

    @Argument(help: "on, off or toggle; without it the present state is shown.")
    var wish: Wish?

    @OptionGroup var mixer: MixerOptions

    func run() throws {
        try mixer.show { side in
            switch wish {
            case .on: side.isMuted = true
            case .off: side.isMuted = false
            case .toggle: side.isMuted.toggle()
            case nil: break
            }
        }
    }
}
