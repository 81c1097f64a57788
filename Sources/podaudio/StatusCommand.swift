internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundControl

/// `podaudio status`: a pod's streams, as its broker knows them at this moment.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what a pod plays and where it goes.")

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (name, client) = try pod.runningBroker()
        let status = try brokerStatus(client, .status, of: name)
        try output.show(status) {
            let sink = status.sink
            let rate = sink.rate > 0 ? ", \(sink.rate) Hz, \(sink.channelMap)" : ""
            var lines = [
                ("pod", name), ("broker", "process \(status.brokerPID)"), ("policy", status.policy.rawValue),
                ("sink", "\(sink.spec) \(sink.name) (\(sink.state)\(rate))"),
            ]
            if status.streams.isEmpty { lines.append(("streams", "none")) }
            for stream in status.streams {
                let asked = stream.configuration
                lines.append(
                    (
                        "stream \(stream.id.prefix(8))",
                        """
                        \(stream.program): \(asked.direction.rawValue), \(stream.state)\
                        \(stream.reason.map { " (\($0))" } ?? ""), \(asked.format) \(asked.rate) Hz \
                        \(asked.channelMap), period \(asked.periodFrames) of buffer \(asked.bufferFrames) frames; at frame \
                        \(stream.positionFrames), fill \(stream.fillFrames) frames, sink delay \
                        \(stream.sinkDelayNanoseconds / 1_000_000) ms, xruns \(stream.xruns)
                        """
                    ))
            }
            return lines
        }
    }
}
