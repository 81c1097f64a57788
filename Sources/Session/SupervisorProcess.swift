internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import SystemPackage

/// The pod's supervisor, `mediapod _supervise`, as the one who starts it sees it.
///
/// It is runc's parent, and by PR_SET_CHILD_SUBREAPER the parent of the pod's first process: so it hears how that ended.
struct SupervisorProcess: ~Copyable {
    let process: ProcessIdentity
    private let jobs: OwnedDescriptor
    private let answers: OwnedDescriptor

    /// Descriptors of the supervisor: the pod's lock, what it is to do, what became of it.
    static let lockNumber: Int32 = 3
    static let jobNumber: Int32 = 4
    static let answerNumber: Int32 = 5

    /// What it is told to do, a line.
    enum Job: String {
        case run, restore
    }

    /// Starts one that waits for its job.
    init(for pod: borrowing PodRuntime) throws {
        let jobEnds = try PipeEnds()
        let answerEnds = try PipeEnds()
        var launch = try Self.launch(for: pod, arguments: [])
        let log = try attempt("make", pod.folder.supervisorLog.string) { () throws(Errno) in
            try Files.openLog(pod.folder.supervisorLog)
        }
        launch.give(log.number, as: 2)
        launch.give(pod.lock.descriptor, as: Self.lockNumber)
        launch.give(jobEnds.read.number, as: Self.jobNumber)
        launch.give(answerEnds.write.number, as: Self.answerNumber)
        process = try Self.start(launch)
        jobs = jobEnds.closingRead()
        answers = answerEnds.closingWrite()
    }

    /// Starts one for a pod that runs already, whose supervisor is gone.
    static func adopt(_ pod: borrowing PodRuntime) throws -> ProcessIdentity {
        var launch = try launch(for: pod, arguments: ["--adopt"])
        let log = try attempt("make", pod.folder.supervisorLog.string) { () throws(Errno) in
            try Files.openLog(pod.folder.supervisorLog)
        }
        launch.give(log.number, as: 2)
        return try start(launch)
    }

    private static func launch(for pod: borrowing PodRuntime, arguments: [String]) throws -> Launch {
        var environment = Launch.plainEnvironment + ["MEDIAPOD_RUNTIME=\(pod.folder.runtime.path.string)"]
        if let criu = getenv("MEDIAPOD_CRIU") { environment.append("MEDIAPOD_CRIU=\(String(cString: criu))") }
        return Launch(
            Executable.path,
            ["_supervise", "--device", pod.store.device.root.string, pod.folder.name] + arguments,
            environment: environment)
    }

    private static func start(_ launch: Launch) throws -> ProcessIdentity {
        guard let process = ProcessIdentity(of: try launch.start().pid) else {
            throw Failure("start", "the pod's supervisor", "it ended at once")
        }
        return process
    }

    /// Has it start the pod, and gives the pod's first process. Throws what runc or CRIU said.
    func perform(_ job: Job) throws -> ProcessIdentity {
        try attempt("start", "the pod's supervisor") { () throws(Errno) in
            let bytes = Array((job.rawValue + "\n").utf8)
            try retrying { write(jobs.number, bytes, bytes.count) }
        }
        // Runc has its own patience.
        let answer = Wait.line(from: answers.number, milliseconds: 660_000) ?? "ERR the supervisor ended"
        let words = answer.split(separator: " ")
        if words.count == 3, words[0] == "OK", let pid = Int32(words[1]), let start = UInt64(words[2]) {
            return ProcessIdentity(pid: pid, startTime: start)
        }
        throw Runc.Problem(description: String(answer.dropFirst(4)))
    }
}
