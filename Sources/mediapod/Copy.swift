internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Session
internal import SystemPackage

struct Copy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Copy a file into a pod, or out of it.",
        discussion: """
            One of the two is in the pod: NAME:PATH. A suspended pod can only be read from: its files belong to the \
            moment of its programs. A host's file with a colon in its name is written ./NAME.
            """)

    @Argument(help: "The file to copy.")
    var source: String

    @Argument(help: "Where to: a name, or a folder.")
    var target: String

    @OptionGroup var deviceOptions: DeviceOptions

    func run() throws {
        switch (Self.place(source), Self.place(target)) {
        case (nil, let (pod, path)?):
            let file = try attempt("read", source) { () throws(Errno) in try Files.openForReading(FilePath(source)) }
            try PodFiles.requireRegular(file, source)
            let name = FilePath(source).lastComponent?.string ?? source
            try session(pod).files(writing: true).write(file, named: name, to: path)
        case (let (pod, path)?, nil):
            let file = try session(pod).files(writing: false).openForReading(path)
            try copy(file, named: path.lastComponent?.string ?? "", to: FilePath(target))
        default:
            throw ValidationError("one of the two has to be in a pod (NAME:PATH), and the other on this host")
        }
    }

    private func session(_ pod: String) throws -> Session {
        Session(store: try deviceOptions.open().pod(pod), runtime: .ofThisHost)
    }

    private func copy(_ file: borrowing OwnedDescriptor, named name: String, to target: FilePath) throws {
        let path = Files.isFolder(target) ? target.appending(name) : target
        try attempt("write", path.string) { () throws(Errno) in
            let output = try Files.openForWriting(path, permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try PodFiles.copy(file, to: output)
        }
    }

    /// "NAME:PATH"; a slash before the colon makes it a host's file.
    private static func place(_ text: String) -> (pod: String, path: FilePath)? {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, !text[..<colon].contains("/") else {
            return nil
        }
        return (String(text[..<colon]), FilePath(String(text[text.index(after: colon)...])))
    }
}
