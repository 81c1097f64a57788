internal import ArgumentParser
internal import CLI
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundControl

/// `podaudio monitor`: what a pod plays, how loud, again and again.
struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor", abstract: "Watch a pod's streams: states, levels, buffers.",
        discussion: """
            On a terminal, a picture that is drawn ten times a second until Ctrl-C; elsewhere, and with --format json \
            (an object a line), it is printed once a second.
            """)

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "End after so many pictures.")
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count wants a number above 0") }
    }

    func run() throws {
        let (name, client) = try pod.runningBroker()
        let interrupt = try Interrupt()
        let isDrawn = output.format == .table && Terminal.isOutputTerminal
        // The first answer only begins the measuring.
        _ = try brokerStatus(client, .levels, of: name)
        var lines = 0
        var drawn = 0
        while !interrupt.wait(milliseconds: isDrawn ? 100 : 1000) {
            let status = try brokerStatus(client, .levels, of: name)
            switch output.format {
            case .json:
                print(String(decoding: try JSONEncoder().encode(status), as: UTF8.self))
            case .table:
                let picture = MonitorPicture(pod: name, status: status, hasColour: Terminal.hasColour)
                if isDrawn, lines > 0 { print("\u{1b}[\(lines)A\u{1b}[J", terminator: "") }
                lines = picture.lines.count
                print(picture.lines.joined(separator: "\n"))
            }
            fflush(nil)
            drawn += 1
            if drawn == count { return }
        }
    }
}

/// One moment of a pod's sound.
struct MonitorPicture {
    let lines: [String]

    /// What a bar spans, dB below full scale.
    private static let range: Float = 60
    private static let width = 30

    init(pod: String, status: BrokerStatus, hasColour: Bool) {
        let sink = status.sink
        let mixer = status.mixer
        let volume = mixer.playbackMuted ? "muted" : "\(Int((mixer.playback * 100).rounded())) %"
        var lines = [
            "\(pod) at \(sink.spec) \(sink.name) (\(sink.state)), volume \(volume), policy \(status.policy.rawValue)"
        ]
        if status.streams.isEmpty { lines.append("  no streams") }
        for stream in status.streams {
            let asked = stream.configuration
            let reason = stream.reason.map { " (\($0))" } ?? ""
            lines.append(
                "  \(stream.program): \(asked.direction.rawValue) \(stream.state)\(reason), \(asked.format) \(asked.rate) Hz, "
                    + "fill \(stream.fillFrames) of \(asked.bufferFrames), xruns \(stream.xruns)")
            let names = asked.channelMap.split(separator: " ")
            for (index, peak) in stream.peaks.enumerated() {
                let name = index < names.count ? String(names[index]) : "\(index + 1)"
                lines.append("    " + Self.bar(name, peak, hasColour: hasColour))
            }
        }
        self.lines = lines.map(Failure.oneLine)
    }

    private static func bar(_ name: String, _ peak: Float, hasColour: Bool) -> String {
        let level = peak > 0 ? max(-range, 20 * log10f(peak)) : -range
        let filled = Int(((level + range) / range * Float(width)).rounded())
        let bar = String(repeating: "#", count: min(width, max(0, filled)))
        let rest = String(repeating: ".", count: width - bar.count)
        // Red where samples reach full scale, and may have been cut off.
        let colour = peak >= 0.99 ? "31" : level > -9 ? "33" : "32"
        let shown = hasColour ? "\u{1b}[\(colour)m\(bar)\u{1b}[0m" : bar
        let text = level <= -range ? "  -inf" : String(repeating: " ", count: 6 - decimal(level).count) + decimal(level)
        return name + String(repeating: " ", count: max(0, 4 - name.count)) + shown + rest + text + " dB"
    }

    /// One digit behind the point.
    private static func decimal(_ value: Float) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }
}
