internal import DisplayLab
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// A way from the X server that programs draw on to the one that a person looks at, both of one size. Ended with this
/// object.
final class DisplayPath {
    enum Kind: String, CaseIterable {
        /// One server is both.
        case bare = "a bare Xvfb"
        /// A host with XVideo: an Xorg with our own driver stands for one.
        case oursToVideo = "ours, to a host's XVideo"
        case ours = "ours"
        case tigerVNC = "TigerVNC"
        case xpra = "xpra, mmap"

        var isOurs: Bool { self == .ours || self == .oursToVideo }

        /// Those whose screen is one window of the host's. xpra shows each window as one, and gives no key to one that no
        /// window manager knows of.
        static let typed: [Kind] = [.bare, .ours, .tigerVNC]
    }

    /// A window as large as the host's screen is something else to TigerVNC's viewer.
    private static let margin = 64

    let kind: Kind
    let size: (width: Int, height: Int)
    private let folder: LabFolder
    /// What programs draw on, where that is a server of the lab's.
    private let own: XServer?
    private let host: XServer
    private var peers: [ChildProcess] = []
    private var viewer: ViewerProcess?
    /// `DISPLAY` of what programs draw on.
    private var display: String

    init(_ kind: Kind, width: Int, height: Int) throws {
        self.kind = kind
        size = (width, height)
        folder = try LabFolder("mediapod-path")
        host = try XServer(
            kind == .oursToVideo ? .driver() : .xvfb, width: width + Self.margin, height: height + Self.margin)
        own = kind.isOurs ? try XServer(.driver(), width: width, height: height) : nil
        display = own?.name ?? host.name
        switch kind {
        case .bare: break
        case .ours, .oursToVideo: try attach()
        case .tigerVNC: try startTigerVNC()
        case .xpra: try startXpra()
        }
        if kind != .bare { try waitUntilShown() }
    }

    deinit {
        // The viewers first, which otherwise complain.
        for process in peers.reversed() {
            process.send(SIGTERM)
            if !process.wait(milliseconds: 10_000) { process.kill() }
        }
    }

    /// What its programs find their way by.
    var programs: [String] { environment(display) }
    /// What looks at it.
    var watchers: [String] { environment(host.name) }
    /// The memory of a host's server that has our driver.
    var hostObject: FilePath { host.object }

    private func environment(_ display: String) -> [String] {
        [
            "PATH=/usr/bin:/bin", "HOME=\(folder.path)", "XDG_RUNTIME_DIR=\(folder.path)", "LC_ALL=C.UTF-8",
            "DISPLAY=\(display)",
        ]
    }

    // MARK: Starting

    /// Begins to show what is ours.
    func attach() throws {
        guard let own else { return }
        viewer = try ViewerProcess(own.object, on: host, ["--no-bar", "--no-clipboard"])
    }

    func detach() {
        _ = viewer?.end()
        viewer = nil
    }

    private func startTigerVNC() throws {
        let socket = folder.appending("rfb").string
        display = try startServer(
            [
                "Xvnc", "-geometry", "\(size.width)x\(size.height)", "-depth", "24", "-rfbunixpath", socket, "-rfbport",
                "-1",
                "-SecurityTypes", "None", "-displayfd", "1", "-nolisten", "tcp", "-ac", "-noreset",
            ])
        try start(
            [
                "xtigervncviewer", "-SecurityTypes=None", "-RemoteResize=0",
                "-geometry=\(size.width)x\(size.height)+0+0", socket,
            ],
            environment(host.name))
        // Where the film is looked for.
        try waitUntil("TigerVNC's window is there") { (try? viewerWindow()) != nil }
        try run(["xdotool", "windowmove", "--sync", viewerWindow(), "0", "0"], watchers)
    }

    private func startXpra() throws {
        // A number that no other server has; xpra starts its own.
        display = ":\(getpid() % 10_000 + 20_000)"
        let sockets = ["--socket-dir=\(folder.path)", "--socket-dirs=\(folder.path)"]
        let less = [
            "--mdns=no", "--pulseaudio=no", "--speaker=off", "--microphone=off", "--notifications=no", "--webcam=no",
            "--printing=no", "--bell=no", "--dbus-proxy=no", "--dbus-control=no", "--dbus-launch=", "--systemd-run=no",
        ]
        try start(
            [
                "xpra", "start", display, "--daemon=no", "--mmap=yes", "--html=off",
                "--xvfb=Xvfb -nolisten tcp -noreset -ac +extension Composite -screen 0 \(size.width + Self.margin)x\(size.height + Self.margin)x24",
            ]
                + sockets + less, environment(""))
        try waitUntil("xpra's server runs", seconds: 60) {
            text(of: folder.path.appending("xpra.err")).contains("xpra is ready")
        }
        try start(
            ["xpra", "attach", display, "--mmap=yes", "--opengl=no", "--tray=no"] + sockets
                + less.filter { !$0.hasPrefix("--dbus") && !$0.hasPrefix("--systemd") && !$0.hasPrefix("--pulse") },
            environment(host.name))
    }

    /// An X server that writes its number to its output.
    private func startServer(_ command: [String]) throws -> String {
        try start(command, environment(""))
        let said = folder.path.appending("\(command[0]).out")
        try waitUntil("\(command[0]) runs: \(text(of: folder.path.appending("\(command[0]).err")))") {
            text(of: said).hasSuffix("\n")
        }
        return ":" + text(of: said).filter(\.isNumber)
    }

    private func start(_ command: [String], _ environment: [String]) throws {
        peers.append(
            try DisplayLab.start(
                command, environment: environment, output: folder.path.appending("\(command[0]).out"),
                error: folder.path.appending("\(command[0]).err")))
    }

    /// A colour that a program paints there has come here.
    private func waitUntilShown() throws {
        let painter = try startLoad(["keys"], programs, output: folder.appending("painter"))
        defer { painter.kill() }
        try waitUntil("\(kind.rawValue) shows what is drawn", seconds: 60) {
            try run(["xdotool", "key", "space"], programs)
            return (try? run([Self.load, "colour", "10", "10", "ffffff"], watchers, seconds: 2)) != nil
        }
    }

    // MARK: Using

    static let load = LabBroker.binaries.appending("display-load").string

    @discardableResult
    func run(_ command: [String], _ environment: [String], seconds: Int = 120) throws -> String {
        let output = folder.path.appending("run-\(UInt32.random(in: 0...UInt32.max))")
        let error = FilePath(output.string + ".err")
        defer {
            unlink(output.string)
            unlink(error.string)
        }
        let child = try DisplayLab.start(command, environment: environment, output: output, error: error)
        guard child.wait(milliseconds: Int32(seconds * 1000)) else {
            child.kill()
            throw Failure(command.joined(separator: " "), "does not end")
        }
        guard child.wait().isSuccess else { throw Failure(command.joined(separator: " "), text(of: error)) }
        return text(of: output)
    }

    func startLoad(_ arguments: [String], _ environment: [String], output: FilePath) throws -> ChildProcess {
        try DisplayLab.start(
            [Self.load] + arguments, environment: environment, output: output, error: FilePath(output.string + ".err"))
    }

    /// Everything between program and screen, ns of processor time up to now.
    var processorTime: UInt64 {
        var all = Set([host.process.pid])
        if let own { all.insert(own.process.pid) }
        if let viewer { all.insert(viewer.process.pid) }
        for peer in peers { all.formUnion(Self.descendants(of: peer.pid)) }
        return all.reduce(0) { $0 + CPUTime.nanoseconds(of: $1) }
    }

    /// The keyboard is the viewer's.
    func focus() throws {
        guard kind != .bare else { return }
        try run(["xdotool", "windowfocus", "--sync", try viewerWindow()], watchers)
    }

    /// The host's only window of that size.
    private func viewerWindow() throws -> String {
        let lines = try run(["xwininfo", "-root", "-children"], watchers).split(separator: "\n")
        let sized = lines.filter { $0.contains(" \(size.width)x\(size.height)+") && $0.contains("0x") }
        guard let id = sized.first?.split(separator: " ").first else { throw Failure(kind.rawValue, "has no window") }
        return String(id)
    }

    private static func descendants(of process: Int32) -> Set<Int32> {
        var found: Set<Int32> = [process]
        let children = text(of: FilePath("/proc/\(process)/task/\(process)/children")).split(separator: " ")
        for child in children.compactMap({ Int32($0) }) { found.formUnion(descendants(of: child)) }
        return found
    }
}
