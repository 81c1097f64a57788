internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import Session
internal import SoundControl

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show everything that a device, and this host, say of a pod.")

    @OptionGroup var pod: PodOptions

    @Flag(help: "Show what is in the stream of its session instead.")
    var stream = false

    @Option(help: ArgumentHelp("With --stream: of another session than the one that resumes.", valueName: "n"))
    var session: Int?

    @OptionGroup var keys: KeyOptions
    @OptionGroup var output: OutputOptions

    /// Both in one object: what the device says, and under `runtime` what this host has of it.
    private struct Report: Encodable {
        var device: PodInspection
        var runtime: RuntimeStatus?

        private enum CodingKeys: String, CodingKey {
            case runtime
        }

        func encode(to encoder: any Encoder) throws {
            try device.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(runtime, forKey: .runtime)
        }
    }

    func validate() throws {
        if !stream, session != nil || keys.identity != nil || keys.passphrase.passphraseFile != nil {
            throw ValidationError("--session and keys go with --stream")
        }
    }

    func run() throws {
        let session = try pod.session()
        if stream { return try showStream(of: session.store) }
        // First: it may put right what the device says, too.
        let status = try session.status()
        let report = Report(device: try session.store.inspect(), runtime: status)
        try output.show(report) { Self.lines(report.device) + (status.map(Self.lines) ?? []) }
    }

    private static func lines(_ status: RuntimeStatus) -> [(String, String)] {
        var lines = [("here", status.phase + (status.isFrozen ? ", frozen" : ""))]
        if let code = status.exitCode { lines.append(("exit code", "\(code)")) }
        guard let pid = status.initPID else { return lines }
        lines.append(("first process", "\(pid)"))
        lines.append(("sound", status.sound + (status.brokerPID.map { ", broker \($0)" } ?? ", no broker")))
        lines.append(("network here", status.network + (status.networkPID.map { ", slirp4netns \($0)" } ?? "")))
        if let bytes = status.memoryBytes { lines.append(("memory", byteText(bytes))) }
        return lines
    }

    private static func lines(_ pod: PodInspection) -> [(String, String)] {
        let configuration = pod.configuration
        var lines = [
            ("name", configuration.name),
            ("id", configuration.id.uuidString.lowercased()),
            ("state", pod.owner.map { "\(pod.state.rawValue), last on host \($0.hostname)" } ?? pod.state.rawValue),
            ("created", configuration.createdAt.formatted(.iso8601)),
            ("device", "\(pod.device.path), \(byteText(pod.device.freeBytes)) free"),
            ("base", "\(pod.base.sha256), \(byteText(pod.base.bytes))"),
            (
                "layers",
                pod.layers.isEmpty
                    ? "none yet" : pod.layers.map(String.init).joined(separator: ", ") + ", " + byteText(pod.layerBytes)
            ),
            ("users", "\(configuration.uidCount) from \(configuration.uidBase)"),
            ("host name", configuration.hostname),
            ("sound policy", configuration.soundPolicy.rawValue),
            ("network", configuration.network?.rawValue ?? "none"),
            ("CPU baseline", configuration.cpuBaseline?.rawValue ?? "none"),
            ("environment", configuration.environment.joined(separator: " ")),
        ]
        for session in pod.sessions {
            let mark = session.number == pod.currentSession ? ", resumes" : ""
            let size = "\(byteText(session.imageBytes)) of images in \(byteText(session.streamBytes))"
            let filters = session.filters.isEmpty ? "no filter" : session.filters.joined(separator: ", ")
            let needs = session.requires.map { ", needs session \($0)" }.joined()
            lines.append(
                (
                    "session \(session.number)",
                    "\(session.createdAt.formatted(.iso8601)) on \(session.hostname)\(mark), \(size) through \(filters)\(needs)"
                ))
        }
        return lines
    }
}
