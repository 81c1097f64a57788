internal import ArgumentParser
internal import CLI

@main
enum Main {
    static func main() {
        Entry.run(PodView.self)
    }
}

struct PodView: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "podview",
        abstract: "The screen of MediaPod's pods: show it in a window, take a picture of it.",
        discussion: """
            A viewer holds nothing: when it ends, in whatever way, the pod runs on as it was. Only closing its window \
            suspends the pod, unless --keep-running is given or the window's button "Leave running" is used.

            Exit codes: 0 done; 1 could not be done, with one line that says why; 64 used wrongly.
            """,
        subcommands: [
            AttachCommand.self, DetachCommand.self, ListCommand.self, ScreenshotCommand.self, HostCommand.self,
        ])
}
