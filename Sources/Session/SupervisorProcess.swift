internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// The pod's supervisor, `mediapod _supervise`, as the one who starts it sees it.
///
/// It is the parent of runc and CRIU, and by PR_SET_CHILD_SUBREAPER the parent of the pod's first process: so it hears how that ended.
struct SupervisorProcess: ~Copyable {
    let process: ProcessIdentity
    private let job: Supervisor.Job
    private let begin: OwnedDescriptor
    private let answers: OwnedDescriptor

    /// Descriptors of the supervisor: the pod's lock, the word to begin, what became of it, the broker's listening socket.
    static let lockNumber: Int32 = 3
    static let beginNumber: Int32 = 4
    static let answerNumber: Int32 = 5
    static let soundNumber: Int32 = 6

    /// Starts one that waits for its job.
    ///
    /// - Parameter socket: where the pod reaches its broker.
    init(for pod: borrowing PodRuntime, to job: Supervisor.Job, holding socket: borrowing OwnedDescriptor) throws {
        self.job = job
        let beginEnds = try PipeEnds()
        let answerEnds = try PipeEnds()
        var launch = try Self.launch(for: pod, arguments: [job.rawValue])
        let log = try attempt("make", pod.folder.supervisorLog.string) { () throws(Errno) in
            try Files.openLog(pod.folder.supervisorLog)
        }
        launch.give(log.number, as: 2)
        launch.give(pod.lock.descriptor, as: Self.lockNumber)
        launch.give(beginEnds.read.number, as: Self.beginNumber)
        launch.give(answerEnds.write.number, as: Self.answerNumber)
        launch.give(socket.number, as: Self.soundNumber)
        process = try Self.start(launch)
        begin = beginEnds.closingRead()
        answers = answerEnds.closingWrite()
    }

    /// Starts one for a pod that runs already, whose supervisor is gone.
    static func adopt(_ pod: borrowing PodRuntime, _ state: RuntimeState) throws -> ProcessIdentity {
        let socket = try BrokerSocket.find(of: state, in: pod.folder)
        var launch = try launch(for: pod, arguments: [])
        let log = try attempt("make", pod.folder.supervisorLog.string) { () throws(Errno) in
            try Files.openLog(pod.folder.supervisorLog)
        }
        launch.give(log.number, as: 2)
        launch.give(socket.number, as: soundNumber)
        return try start(launch)
    }

    private static func launch(for pod: borrowing PodRuntime, arguments: [String]) throws -> Launch {
        var environment = Launch.plainEnvironment + ["MEDIAPOD_RUNTIME=\(pod.folder.runtime.path.string)"]
        if let criu = getenv("MEDIAPOD_CRIU") { environment.append("MEDIAPOD_CRIU=\(String(cString: criu))") }
        return Launch(
            Executable.path,
            ["_supervise", pod.store.device.place.string, pod.folder.name] + arguments,
            environment: environment)
    }

    private static func start(_ launch: Launch) throws -> ProcessIdentity {
        guard let process = ProcessIdentity(of: try launch.start().pid) else {
            throw Failure("start", "the pod's supervisor", "it ended at once")
        }
        return process
    }

    /// The version of the CRIU that is to restore the pod, "4.2.1", which runs by then.
    func criuVersion() throws -> String {
        let answer = Wait.line(from: answers.number, milliseconds: 60_000) ?? "ERR the supervisor ended"
        if answer.hasPrefix(Self.version) { return String(answer.dropFirst(Self.version.count)) }
        throw Criu.Problem(description: String(answer.dropFirst(4)))
    }

    fileprivate static let version = "CRIU "

    /// Has it do its job, now that all is there, and gives the pod's first process. Throws what runc or CRIU said.
    func perform() throws -> ProcessIdentity {
        try attempt("start", "the pod's supervisor") { () throws(Errno) in
            let bytes = Array("go\n".utf8)
            try retrying { write(begin.number, bytes, bytes.count) }
        }
        // Runc and CRIU have their own patience.
        let answer = Wait.line(from: answers.number, milliseconds: 660_000) ?? "ERR the supervisor ended"
        let words = answer.split(separator: " ")
        if words.count == 3, words[0] == "OK", let pid = Int32(words[1]), let start = UInt64(words[2]) {
            return ProcessIdentity(pid: pid, startTime: start)
        }
        let reason = String(answer.dropFirst(4))
        switch job {
        case .run: throw Runc.Problem(description: reason)
        case .restore: throw Criu.Problem(description: reason)
        }
    }
}

extension SupervisorProcess {
    /// The engine, as the supervisor that it started sees it.
    struct Engine: ~Copyable {
        private let begin = OwnedDescriptor(adopting: beginNumber)
        private let answers = OwnedDescriptor(adopting: answerNumber)

        /// False when the engine is gone.
        func waitForWord() -> Bool {
            // Days may pass between: a suspended laptop. The end of the pipe tells when the engine is gone.
            Wait.line(from: begin.number, milliseconds: 3_600_000) != nil
        }

        func tell(version: String) { say(SupervisorProcess.version + version) }

        /// Tells how the start went. From here on the lock is the engine's alone.
        func answer(_ outcome: Result<ProcessIdentity, any Error>) {
            let line =
                switch outcome {
                case .success(let process): "OK \(process.pid) \(process.startTime)"
                case .failure(let error): "ERR \(Failure.oneLine("\(error)"))"
                }
            close(lockNumber)
            say(line)
        }

        private func say(_ line: String) {
            _ = Array((line + "\n").utf8).withUnsafeBytes { write(answers.number, $0.baseAddress, $0.count) }
        }
    }
}
