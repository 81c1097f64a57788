internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Session
internal import SystemPackage

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what a pod's program has written to its standard output and error.",
        discussion: """
            That of the main program, or of the program with the number ID, which `exec --detach` printed. The pod may \
            be running, suspended or stopped.
            """)

    @Argument(help: "The pod.")
    var name: String

    @Argument(help: "The program's number.")
    var id: UInt32?

    @OptionGroup var deviceOptions: DeviceOptions

    @Flag(name: .shortAndLong, help: "Go on showing what comes, until the pod is suspended or stopped.")
    var follow = false

    func run() throws {
        let session = Session(store: try deviceOptions.open().pod(name), runtime: .ofThisHost)
        let path = FilePath("/var/log/mediapod").appending("\(id.map { "\($0)" } ?? "main").log")
        var file: OwnedDescriptor
        do {
            file = try session.files(writing: false).openForReading(path)
        } catch let failure as Failure where failure.cause == .noSuchFileOrDirectory {
            throw Failure(
                "pod \(name)", id.map { "has no log of a program \($0)" } ?? "has no log of a main program",
                remedy: "name a program by the number that mediapod exec --detach printed")
        }
        let output = OwnedDescriptor(adopting: dup(1))
        try show(file, on: output)
        while follow, let status = try session.status(), status.phase == "running" {
            usleep(200_000)
            try show(file, on: output)
            // A log that has grown too long is put aside and begun anew.
            guard let files = try? session.files(writing: false), let now = try? files.openForReading(path) else {
                return
            }
            if !now.isSameFile(as: file) {
                try show(file, on: output)
                file = now
            }
        }
    }

    private func show(_ file: borrowing OwnedDescriptor, on output: borrowing OwnedDescriptor) throws {
        do throws(Errno) {
            try PodFiles.copy(file, to: output)
        } catch {
            // Whoever read it has seen enough.
            if error != .brokenPipe { throw Failure("show", "the log of pod \(name)", error) }
            throw ExitCode.success
        }
    }
}
