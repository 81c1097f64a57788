internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import SoundControl

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything that a device says of a pod.")

    @Argument(help: "The pod.")
    var name: String

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let pod = try deviceOptions.open().pod(name).inspect()
        try output.show(pod) { Self.lines(pod) }
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
            ("environment", configuration.environment.joined(separator: " ")),
        ]
        for session in pod.sessions {
            let mark = session.number == pod.currentSession ? ", resumes" : ""
            let size = "\(byteText(session.imageBytes)) of images in \(byteText(session.streamBytes))"
            let filters = session.filters.joined(separator: ", ")
            lines.append(
                (
                    "session \(session.number)",
                    "\(session.createdAt.formatted(.iso8601)) on \(session.hostname)\(mark), \(size) through \(filters)"
                ))
        }
        return lines
    }
}
