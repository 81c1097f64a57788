internal import ArgumentParser
internal import LinuxSystem
internal import PodDisplay
internal import SystemPackage
internal import Viewer

/// `podview screenshot`: needs no X on the host.
struct ScreenshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "screenshot", abstract: "Write a pod's screen to a PNG file.")

    @Argument(help: ArgumentHelp("The pod.", valueName: "name"))
    var name: String

    @Argument(help: ArgumentHelp("The file.", valueName: "file.png"))
    var file: String

    @Flag(help: ArgumentHelp("NAME is the path of a display's memory.", visibility: .hidden))
    var object = false

    func run() throws {
        let display = object ? try ObjectFile.open(FilePath(name)) : try PodDisplay(pod: name).open()
        try Screenshot(of: display).write(to: FilePath(file))
    }
}
