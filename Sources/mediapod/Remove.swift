internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove a pod with its files and its session.",
        discussion: "Asks nothing. A pod that runs is not removed. Its base stays on the device: other pods may use it."
    )

    @Argument(help: "The pod.")
    var name: String

    @OptionGroup var deviceOptions: DeviceOptions

    func run() throws {
        let pod = try deviceOptions.open().pod(name)
        do {
            try pod.requireUnowned()
        } catch let failure as Failure {
            throw failure.during("remove", "pod \(name)")
        }
        try pod.remove()
        print("pod \(name) removed")
    }
}
