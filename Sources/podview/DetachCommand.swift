internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod

/// `podview detach`: the pod's viewers on this host end, the pod runs on.
struct DetachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach", abstract: "End the viewers of a pod; it runs on.")

    @Argument(help: ArgumentHelp("The pod.", valueName: "name"))
    var name: String

    /// ms.
    private static let patience = 2000

    func run() throws {
        try PodName.validate(name)
        let viewers = ViewerRegistration.running(RuntimeFolder(DeviceOptions.runtimeFolder).pod(name))
        guard !viewers.isEmpty else { throw Failure("detach", "pod \(name)", "no viewer shows it on this host") }
        for viewer in viewers { viewer.signal(SIGTERM) }
        for viewer in viewers where !viewer.waitForEnd(milliseconds: Self.patience) {
            // It suspends the pod, or its X server does not answer. It holds nothing: but what it started goes on.
            throw Failure(
                "detach", "pod \(name)", "viewer \(viewer.pid) is suspending it or does not answer",
                remedy: "wait, or end it with: kill -9 \(viewer.pid)")
        }
    }
}
