internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import PodDisplay
internal import SystemPackage
internal import Viewer

@main
enum Main {
    static func main() {
        Entry.run(PodVNC.self)
    }
}

/// `podvnc`: a pod's screen for any VNC client on this host.
struct PodVNC: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "podvnc", abstract: "Serve a pod's screen to VNC clients of this host.",
        discussion: """
            Listens on 127.0.0.1 only; other machines come in through a tunnel (ssh -L). The protocol knows passwords of \
            at most eight characters and sends everything else in the clear.
            """)

    @Argument(help: ArgumentHelp("The pod.", valueName: "name"))
    var name: String

    @Option(help: "The TCP port, 1 to 65535.")
    var port: Int

    @Option(help: ArgumentHelp("A file with the password. Without it one is made up and printed.", valueName: "path"))
    var passwordFile: String?

    @Flag(help: ArgumentHelp("NAME is the path of a display's memory.", visibility: .hidden))
    var object = false

    func validate() throws {
        guard (1...65535).contains(port) else { throw ValidationError("a port is 1 to 65535") }
    }

    func run() throws {
        let source: DisplaySource
        if object {
            let path = FilePath(name)
            source = DisplaySource(open: { try ObjectFile.open(path) }, hasEnded: { false })
        } else {
            source = try PodDisplay(pod: name).source
        }
        signal(SIGPIPE, SIG_IGN)
        let server = try VNCServer(source, name: name, port: port, password: try password())
        print("pod \(name) can be seen at 127.0.0.1:\(port)")
        fflush(nil)
        try server.run()
    }

    private func password() throws -> String {
        guard let passwordFile else {
            let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
            let made = String((0..<8).map { _ in letters.randomElement() ?? "x" })
            print("password: \(made)")
            return made
        }
        let text = try attempt("read", passwordFile) { () throws(Errno) in
            try Files.text(FilePath(passwordFile), limit: 4096)
        }
        let line = text.prefix { !$0.isNewline }
        guard !line.isEmpty else { throw Failure(passwordFile, "has no password in its first line") }
        return String(line)
    }
}
