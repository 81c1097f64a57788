internal import LinuxSystem
internal import SystemPackage

/// Frames that are played where a server's source hears them, until they end or this object does.
public final class Air {
    private let process: ChildProcess

    /// Begins to play frames of the server's rate; returns when the source hears them.
    public init(_ frames: [UInt32], at server: PulseServer) throws {
        let file = server.folder.appending("air.frames")
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Frames.pack(frames), permissions: .ownerReadWrite)
        }
        let format = ["--raw", "--format=s16le", "--rate=\(server.rate)", "--channels=2"]
        process = try ChildProcess(
            Command(
                "pacat",
                ["--playback", "--server=\(server.address)", "--device=\(PulseServer.airName)"] + format
                    + [file.string],
                environment: PulseServer.environment(home: server.folder)),
            writingTo: server.folder.appending("air.log"))
        try waitUntil("the source of \(server.folder.string) hears something") {
            !(try server.control(["list", "short", "sink-inputs"])).isEmpty
        }
    }

    deinit {
        process.kill()
        process.wait()
    }
}
