internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import Session
internal import SystemPackage

struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Get back what a pod wrote and never suspended.",
        discussion: """
            When a host crashes, or a device is pulled out of it, its pod goes back to the last suspend, with the files \
            of that moment. What was written since is kept as a layer of its own until it is dropped. Without an option \
            the layers are listed.
            """)

    @OptionGroup var pod: PodOptions

    @Flag(help: "List the files: added, changed, deleted.")
    var list = false

    @Option(
        help: ArgumentHelp(
            "Copy the files to DIR/files, as your own, and the deleted paths to DIR/deleted.", valueName: "dir"))
    var to: String?

    @Flag(help: "Remove the layer for good.")
    var drop = false

    @Option(help: ArgumentHelp("Which layer, where there are several.", valueName: "n"))
    var layer: Int?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if [list, to != nil, drop].count(where: { $0 }) > 1 {
            throw ValidationError("Only one of --list, --to and --drop can be used.")
        }
        if to == "" { throw ValidationError("--to wants a folder.") }
    }

    private struct Change: Encodable {
        var change: LayerChange.Kind
        var path: String
    }

    func run() throws {
        let session = try pod.session()
        if list {
            let changes = try session.changes(in: session.recoverable(layer)).map {
                Change(change: $0.kind, path: String(decoding: $0.path, as: UTF8.self))
            }
            try output.show(changes, empty: "no files", columns: ["change", "path"]) {
                [.text($0.change.rawValue), .text($0.path)]
            }
        } else if let to {
            let report = try session.recover(session.recoverable(layer), to: FilePath(to))
            try output.show(report) {
                [
                    ("files", "\(report.files), \(byteText(report.bytes)), in \(to)/files"),
                    ("deleted", "\(report.deleted), listed in \(to)/deleted"),
                    ("left out", "\(report.skipped) sockets, FIFOs and devices"),
                ]
            }
        } else if drop {
            let layer = try session.recoverable(layer)
            try session.drop(layer)
            print("layer \(layer.number) of pod \(pod.name) removed, \(byteText(layer.bytes))")
        } else {
            try showLayers(session.recoverable())
        }
    }

    private func showLayers(_ layers: [RecoverableLayer]) throws {
        try output.show(
            layers, empty: "nothing to recover: all that pod \(pod.name) wrote was suspended",
            columns: ["layer", "written after", "on host", "begun", "size"]
        ) {
            [
                .number("\($0.number)"), .text($0.session.map { "session \($0)" } ?? "a fresh start"),
                .text($0.hostname ?? ""), .text($0.begunAt.map { Age.text(since: $0, now: Date()) } ?? ""),
                .number(byteText($0.bytes)),
            ]
        }
    }

    /// One line for who resumes a pod, or looks at it.
    static func remind(of layers: [RecoverableLayer], pod: String) {
        guard let last = layers.last else { return }
        let bytes = byteText(layers.reduce(0) { $0 + $1.bytes })
        let after = last.session.map { "after session \($0)" } ?? "by a fresh run"
        let what =
            layers.count == 1 ? "what was written \(after) and not suspended" : "\(layers.count) layers not suspended"
        Terminal.say("pod \(pod): \(what) is kept (\(bytes)); see: mediapod recover \(pod)")
    }
}
