internal import ArgumentParser

/// `podaudio volume [PERCENT|+N|-N]`: how loud a pod is, kept with the pod.
struct VolumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volume", abstract: "Show or set how loud a running pod plays or records.",
        usage: "podaudio volume [<percent>|+<n>|-<n>] [--capture] [--pod <name>] [--format <format>]",
        discussion: """
            Per cent of full amplitude, 0 to 100: 50 halves every sample (-6 dB). It is the same volume as the pod's own \
            mixer shows as Master and Capture, and moves with the pod.
            """)

    // All that is no option: ArgumentParser would take -10 for one.
    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp(
            "The volume, or by how much to change it; without it the present one is shown.", valueName: "percent"))
    var percent: [String] = []

    @OptionGroup var mixer: MixerOptions

    /// What the argument says.
    private enum Change {
        case keep
        /// Linear.
        case set(Double)
        case add(Double)
    }

    private func change() throws -> Change {
        guard let text = percent.first else { return .keep }
        let digits = text.drop { $0 == "+" || $0 == "-" }
        let sign = text.prefix(text.count - digits.count)
        let number = digits.hasSuffix("%") ? digits.dropLast() : digits
        // Double reads more than people write.
        guard percent.count == 1, sign.count <= 1, number.allSatisfy({ "0123456789.".contains($0) }),
            let value = Double(number), (0...100).contains(value)
        else {
            throw ValidationError(
                "unknown volume \"\(percent.joined(separator: " "))\"; use 0 to 100 per cent, or +N or -N to change it")
        }
        switch sign {
        case "+": return .add(value / 100)
        case "-": return .add(-value / 100)
        default: return .set(value / 100)
        }
    }

    func validate() throws { _ = try change() }

    func run() throws {
        let change = try change()
        try mixer.show { side in
            switch change {
            case .keep: break
            case .set(let volume): side.volume = volume
            case .add(let step): side.volume = min(1, max(0, side.volume + step))
            }
        }
    }
}
