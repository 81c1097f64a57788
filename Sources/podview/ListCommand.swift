internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import Pod
internal import PodDisplay
internal import Viewer

/// `podview list`: which pods of this host have a screen, and who looks at it.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the screens of this host's pods, and their viewers.")

    @OptionGroup var output: OutputOptions

    private struct Entry: Encodable {
        var pod: String
        /// Pixels; `nil` when there is no X server, or it says nothing that makes sense.
        var width: Int?
        var height: Int?
        var problem: String?
        /// Processes.
        var viewers: [Int32]
    }

    func run() throws {
        let runtime = RuntimeFolder(DeviceOptions.runtimeFolder)
        let entries = ((try? Files.list(runtime.pods)) ?? []).sorted().compactMap { name -> Entry? in
            guard let display = try? PodDisplay(pod: name) else { return nil }
            let viewers = ViewerRegistration.running(display.folder).map(\.pid)
            do {
                let size = try display.open().size
                return Entry(pod: name, width: size?.width, height: size?.height, viewers: viewers)
            } catch {
                return Entry(pod: name, problem: "\(error)", viewers: viewers)
            }
        }
        try output.show(
            entries, empty: "no pods run on this host", columns: ["pod", "screen", "viewers"]
        ) { entry in
            let size = entry.width.flatMap { width in entry.height.map { "\(width)x\($0)" } }
            return [
                .text(entry.pod), .text(size ?? entry.problem ?? "none"),
                .text(entry.viewers.map(String.init).joined(separator: ", ")),
            ]
        }
    }
}
