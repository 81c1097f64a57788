internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// The pod's sound broker as a process of this host.
enum Broker {
    /// A broker that has been started and has not said yet how it went.
    struct Start: ~Copyable {
        let process: ProcessIdentity
        fileprivate let ready: OwnedDescriptor

        /// A sound server may have to be started by systemd first. ms
        private static let patience = 15_000

        /// Waits until it plays; throws its reason when it cannot.
        func wait() throws(Failure) {
            switch Wait.line(from: ready.number, milliseconds: Self.patience) {
            case "OK": return
            case let line? where line.hasPrefix(Self.tooFewChannels):
                throw Failure(
                    "the pod's sound", String(line.dropFirst(Self.tooFewChannels.count)),
                    remedy:
                        "hear it mixed into those channels with --downmix, or choose a sink that has them with --sound")
            case let line? where line.hasPrefix("ERR "):
                throw Failure("the pod's sound", String(line.dropFirst(4)), remedy: remedy)
            default:
                throw Failure("the pod's sound", "the broker did not start", remedy: remedy)
            }
        }

        private static let tooFewChannels = "TOO FEW CHANNELS "

        private var remedy: String { "choose where it goes with --sound pulse:SERVER, alsa:PCM, file:PATH.wav or null" }
    }

    /// Starts one. After a broker's death another one knows what was said to that one.
    ///
    /// - Parameters:
    ///   - socket: where it listens for the pod, which stays the caller's.
    ///   - writingDown: makes it known to whoever has to end it; it does nothing before.
    static func start(
        _ state: RuntimeState, in folder: PodFolder, at socket: borrowing OwnedDescriptor, records: SoundRecords?,
        afterDeath: Bool = false, writingDown: (ProcessIdentity) throws -> Void
    ) throws -> Start {
        let program = try program()
        let choice = state.sound
        let log = try attempt("make", folder.brokerLog.string) { () throws(Errno) in
            try Files.openLog(folder.brokerLog)
        }
        var arguments = [
            "broker", "--listen-fd", "\(BrokerSocket.brokerNumber)", "--control", folder.brokerControl.string,
            "--sound", choice.specification, "--policy", state.soundPolicy.rawValue, "--ready-fd", "3", "--go-fd", "4",
            "--user", "\(choice.userID):\(choice.groupID)", "--name", "MediaPod \(folder.name)",
            "--memory", folder.brokerMemory.string,
        ]
        if choice.downmix { arguments.append("--downmix") }
        if !afterDeath { try? Files.remove(folder.brokerMemory) }
        if let records {
            let bytes = try JSONText.encode(records)
            try attempt("write", folder.soundRecords.string) { () throws(Errno) in
                try Files.swap(folder.soundRecords, with: bytes, mode: 0o640, group: choice.groupID)
            }
            arguments += ["--records", folder.soundRecords.string]
        }
        let ready = try PipeEnds()
        let go = try PipeEnds()
        var launch = Launch(program, arguments, environment: Launch.plainEnvironment + choice.environment)
        launch.give(log.number, as: 2)
        launch.give(ready.write.number, as: 3)
        launch.give(go.read.number, as: 4)
        launch.give(socket.number, as: BrokerSocket.brokerNumber)
        let pid = try launch.start().pid
        // Not reaped before: it is there, if only as a zombie.
        guard let identity = ProcessIdentity(of: pid) else {
            throw Failure("the pod's sound", "the broker did not start", remedy: "see \(folder.brokerLog.string)")
        }
        // Killed before this, we leave a broker that nobody knows of: it ends by itself.
        try writingDown(identity)
        let told = go.closingRead()
        _ = "\n".withCString { write(told.number, $0, 1) }
        return Start(process: identity, ready: ready.closingWrite())
    }

    /// Lets what has been given to the sound server sound, then ends it.
    static func end(_ process: ProcessIdentity, in folder: PodFolder) {
        _ = try? BrokerClient(socket: folder.brokerControl).request(.quit, timeoutSeconds: 2)
        process.end(with: SIGTERM, patienceMilliseconds: 2000)
    }

    private static func program() throws(Failure) -> FilePath {
        let program = Executable.folder.appending("podaudio")
        guard Files.isRegularFile(program) else {
            throw Failure("the pod's sound", "there is no \(program.string)", remedy: "build it with: make build")
        }
        return program
    }
}
