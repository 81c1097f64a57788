public import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import PodDisplay
internal import SystemPackage
public import Viewer

extension Scaling: ExpressibleByArgument {}

/// `podview attach`: a window with a pod's screen.
struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Show a pod's screen in a window.",
        discussion: """
            Several viewers can show one pod. Ctrl+Alt+Enter switches between window and full screen. Closing the window \
            suspends the pod and says when the device is safe to remove; the button "Leave running", Ctrl-C and podview \
            detach leave it running.
            """)

    @Argument(help: ArgumentHelp("The pod.", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "How screen and window fit together: \(Scaling.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "mode"))
    var scaling: Scaling = .follow

    @Flag(help: "Begin as full screen.")
    var fullScreen = false

    @Flag(help: "Closing the window leaves the pod running.")
    var keepRunning = false

    @Flag(inversion: .prefixedNo, help: "Share the clipboard with the pod.")
    var clipboard = true

    @Flag(inversion: .prefixedNo, help: "Show the line under the screen.")
    var bar = true

    @Flag(inversion: .prefixedNo, help: "Hand video to the host's XVideo, where it has one.")
    var video = true

    @Option(help: ArgumentHelp("A display's memory instead of a pod.", valueName: "path", visibility: .hidden))
    var object: String?

    @Option(help: ArgumentHelp("What suspends such a display.", valueName: "program", visibility: .hidden))
    var suspendProgram: String?

    func validate() throws {
        guard (name == nil) != (object == nil) else { throw ValidationError("give the name of one pod") }
    }

    func run() throws {
        let pod = try name.map { try PodDisplay(pod: $0) }
        var options = ViewerOptions(name: name ?? "display")
        options.scaling = scaling
        options.isFullScreen = fullScreen
        options.hasBar = bar
        options.hasClipboard = clipboard
        options.hasVideo = video
        if let pod, !keepRunning { options.suspend = pod.suspend }
        if let suspendProgram, !keepRunning { options.suspend = Command(suspendProgram, []) }
        let source: DisplaySource
        if let pod {
            let line = ProgressLine()
            line.stage("waiting for the pod's desktop")
            pod.waitForDesktop { line.tick() }
            line.finish()
            source = pod.source
        } else {
            let path = FilePath(object ?? "")
            source = DisplaySource(open: { try ObjectFile.open(path) }, hasEnded: { false })
        }
        let viewer = try Viewer(source, options)
        let registration = try pod.map { try ViewerRegistration(folder: $0.folder) }
        defer { registration?.remove() }
        switch try viewer.run() {
        case .detached: break
        case .suspended: print("pod \(options.name) is suspended: safe to remove")
        case .podEnded: print("\(options.name) was suspended or stopped")
        }
    }
}
