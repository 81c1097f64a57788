internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundControl

/// `podaudio streams`: everything that is recorded of each stream.
struct StreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "List a pod's streams, each with its full configuration.")

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let (name, client) = try pod.runningBroker()
        let status = try brokerStatus(client, .status, of: name)
        try output.show(
            status.streams, empty: "pod \(name) has no streams",
            columns: [
                "stream", "program", "direction", "state", "format", "rate", "channels", "period", "buffer", "policy",
            ]
        ) { stream in
            let asked = stream.configuration
            return [
                .text(String(stream.id.prefix(8))), .text(stream.program), .text(asked.direction.rawValue),
                .text(stream.reason.map { "\(stream.state): \($0)" } ?? stream.state), .text(asked.format),
                .number("\(asked.rate)"), .text(asked.channelMap), .number("\(asked.periodFrames)"),
                .number("\(asked.bufferFrames)"), .text(asked.policy.rawValue),
            ]
        }
    }
}

/// Asks a broker for what it knows.
func brokerStatus(_ client: BrokerClient, _ request: BrokerRequest, of pod: String) throws -> BrokerStatus {
    guard case .status(let status) = try ask(client, request, of: pod) else {
        throw Failure("the sound of pod \(pod)", "its broker answered something else", remedy: "upgrade both")
    }
    return status
}
