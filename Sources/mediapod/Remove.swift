internal import ArgumentParser
internal import Session

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove a pod with its files and its session.",
        discussion: "Asks nothing. A pod that runs is not removed. Its base stays on the device: other pods may use it."
    )

    @OptionGroup var pod: PodOptions

    func run() throws {
        try pod.session().remove()
        print("pod \(pod.name) removed")
    }
}
