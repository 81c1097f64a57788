internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import Session

struct Processes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List the processes of a running pod, or of all that run on this host.")

    @Argument(help: "The pod.")
    var name: String?

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions

    private struct Row: Encodable {
        var pod: String
        var process: PodProcess

        enum CodingKeys: String, CodingKey {
            case pod
        }

        func encode(to encoder: any Encoder) throws {
            try process.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(pod, forKey: .pod)
        }
    }

    func run() throws {
        let device = try deviceOptions.open()
        var rows: [Row] = []
        for store in try name.map({ [try device.pod($0)] }) ?? device.pods() {
            let session = Session(store: store, runtime: .ofThisHost)
            let processes = try session.processes()
            if name != nil, processes == nil { throw Failure("pod \(store.name)", "it is not running on this host") }
            rows += (processes ?? []).map { Row(pod: store.name, process: $0) }
        }
        try output.show(
            rows, empty: "no pod runs on this host",
            columns: ["pod", "pid", "parent", "user", "state", "memory", "cpu", "host pid", "command"]
        ) { row in
            let process = row.process
            return [
                .text(row.pod), .number("\(process.pid)"), .number("\(process.parent)"),
                .number(process.uid.map { "\($0)" } ?? "?"), .text(process.state),
                .number(byteText(process.residentBytes)), .number("\(Int(process.cpuSeconds)) s"),
                .number("\(process.hostPID)"), .text(process.command),
            ]
        }
    }
}
