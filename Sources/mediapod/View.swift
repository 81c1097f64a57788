internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

struct View: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Show a running pod's screen.",
        discussion: """
            In a window of this host (podview attach), or with --vnc to any VNC client of it (podvnc): on 127.0.0.1 only, \
            with a password that is printed unless --password-file has one.
            """)

    @Argument(help: ArgumentHelp("The pod.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("Serve it to VNC clients at this TCP port.", valueName: "port"))
    var vnc: Int?

    @Option(help: ArgumentHelp("A file with the password for --vnc, of at most eight characters.", valueName: "path"))
    var passwordFile: String?

    @Flag(help: "Closing the window leaves the pod running.")
    var keepRunning = false

    func validate() throws {
        guard vnc != nil || passwordFile == nil else { throw ValidationError("--password-file is for --vnc") }
        guard vnc == nil || !keepRunning else { throw ValidationError("--keep-running is for a window") }
        if let vnc, !(1...65535).contains(vnc) { throw ValidationError("a port is 1 to 65535") }
    }

    func run() throws {
        if let vnc {
            try become("podvnc", [name, "--port", "\(vnc)"] + (passwordFile.map { ["--password-file", $0] } ?? []))
        } else {
            try become("podview", ["attach", name] + (keepRunning ? ["--keep-running"] : []))
        }
    }

    /// Goes on as another program of MediaPod's.
    private func become(_ program: String, _ arguments: [String]) throws(Failure) {
        let path = Executable.folder.appending(program).string
        let pointers = ([program] + arguments).map { strdup($0) } + [nil]
        execv(path, pointers)
        let error = Errno(rawValue: errno)
        for pointer in pointers { free(pointer) }
        throw Failure("start", path, error, remedy: "build it with: make build")
    }
}
