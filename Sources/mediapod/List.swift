internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import FoundationEssentials
internal import LinuxSystem
internal import Pod
internal import Session
internal import SystemPackage

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the pods of a device.")

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let device = try deviceOptions.open()
        let pods = try device.pods().map { store in
            // What a killed engine left is put right first. A list is shown whatever is wrong with a pod.
            _ = try? Session(store: store, runtime: .ofThisHost).status()
            return store.summary()
        }
        try output.show(
            pods, empty: "no pods on \(device.place) yet",
            columns: ["name", "state", "base", "files", "session", "suspended"]
        ) { pod in
            [
                .text(pod.name),
                .text(pod.problem ?? (pod.host.map { "\(pod.state.rawValue) on \($0)" } ?? pod.state.rawValue)),
                .text(pod.base.map { String($0.prefix(12)) } ?? ""),
                .number(pod.layerBytes.map(byteText) ?? ""),
                .number(pod.session.map { byteText($0.streamBytes) } ?? ""),
                .text(pod.session.map { Age.text(since: $0.createdAt, now: Date()) } ?? ""),
            ]
        }
    }
}
