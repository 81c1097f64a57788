internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// Music that plays in a pod while the pod moves from host A to host B and back: the main job, as the demo shows it and
/// the tests judge it.
public struct MusicMove {
    public let pod: String
    private let music: FilePath
    /// How much of the music is played, MPEG frames of 1152 samples; all of it when `nil`.
    private let length: Int?
    /// What mpg123 plays to.
    private let output: String
    public let reference: [UInt32]
    /// Told what happens.
    public var say: (String) -> Void = { _ in }

    /// Decodes the music outside of any pod, with the same player. `scratch` is a folder for that.
    public init(pod: String, mpegFrames length: Int? = nil, output: String = "alsa", scratch: FilePath) throws {
        self.pod = pod
        self.output = output
        self.length = length
        music = LabBroker.repository.appending("testdata/music.mp3")
        let raw = scratch.appending("reference.raw")
        let log = scratch.appending("reference.log")
        let player = try ChildProcess(
            Command("mpg123", Self.options(length) + ["-e", "s16", "-O", raw.string, music.string]), writingTo: log)
        guard player.wait().isSuccess else {
            throw Failure("decode", music.string, "mpg123 failed, see \(log.string)", remedy: "run: make setup")
        }
        let bytes = try attempt("read", raw.string) { () throws(Errno) in try Files.read(raw, limit: 1 << 28) }
        try? Files.remove(raw)
        reference = Frames.unpack(bytes)
    }

    private static func options(_ length: Int?) -> [String] {
        ["-q"] + (length.map { ["-n", "\($0)"] } ?? [])
    }

    /// Plays it once: a third on A, a third on B, the rest on A again. The pod is not running before and after.
    public func play(from a: LabHost, to b: LabHost) throws -> Report {
        let total = UInt64(reference.count)
        try start(on: a)
        say("playing on host \(a.name)")
        try a.waitUntilPlayed(total / 3, pod: pod)
        let first = try move(from: a, to: b)
        try b.waitUntilPlayed(total * 2 / 3, pod: pod)
        let second = try move(from: b, to: a)
        try a.waitUntilSilent(pod: pod)
        try a.must(["stop", pod])
        usleep(300_000)
        return try Report(
            reference: reference, onA: try a.recorder.finish(), onB: try b.recorder.finish(), hosts: (a, b),
            moves: [first, second])
    }

    /// Starts the pod and the player in it.
    public func start(on host: LabHost) throws {
        try host.must(["run", pod, "--detach", "--sound", host.sound])
        try host.must(["cp", music.string, "\(pod):/root/music.mp3"])
        let player = ["mpg123", "-o", output] + Self.options(length) + ["/root/music.mp3"]
        try host.must(["exec", pod, "--detach", "--"] + player)
    }

    /// Suspends on one host, resumes on the other.
    public func move(from: LabHost, to: LabHost) throws -> Move {
        say("suspending on host \(from.name)")
        let suspend = try from.must(["suspend", pod, "--format", "json"])
        say("resuming on host \(to.name)")
        let resume = try to.must(["resume", pod, "--detach", "--sound", to.sound])
        return try Move(suspend: suspend, resumeStarted: resume.started)
    }

    public struct Move: Encodable {
        /// From the command's start to its end, the session committed and gone from the host, ms.
        public var suspendMilliseconds: Double
        /// From the last frame on the one host to the first on the other, ms.
        public var silenceMilliseconds: Double = 0
        /// From the command's start to the first frame heard, ms.
        public var resumeMilliseconds: Double = 0
        /// CRIU's images before compression, bytes.
        public var imageBytes: UInt64
        /// When the resume was asked for, ns of CLOCK_MONOTONIC.
        fileprivate let resumeStarted: UInt64

        enum CodingKeys: String, CodingKey {
            case suspendMilliseconds = "suspend_ms"
            case silenceMilliseconds = "silence_ms"
            case resumeMilliseconds = "resume_ms"
            case imageBytes = "image_bytes"
        }

        private struct SuspendReport: Decodable {
            var imageBytes: UInt64
            enum CodingKeys: String, CodingKey { case imageBytes = "image_bytes" }
        }

        fileprivate init(suspend: LabHost.Result, resumeStarted: UInt64) throws {
            suspendMilliseconds = suspend.milliseconds
            imageBytes = try JSONDecoder().decode(SuspendReport.self, from: Data(suspend.output.utf8)).imageBytes
            self.resumeStarted = resumeStarted
        }
    }

    /// A stretch of the music as it was heard on one host.
    public struct Part {
        public let frames: [UInt32]
        /// When its first and its last frame were heard, ns of CLOCK_MONOTONIC.
        let startTime: UInt64
        let endTime: UInt64

        init(_ frames: ArraySlice<UInt32>, of recorder: MonitorRecorder) {
            self.frames = Array(frames)
            startTime = recorder.time(ofFrame: frames.startIndex) ?? 0
            endTime = recorder.time(ofFrame: frames.endIndex - 1) ?? 0
        }
    }

    /// What was heard where, and what became of every frame.
    public struct Report {
        public let comparison: FrameComparison
        public private(set) var moves: [Move]
        /// On A, on B, on A again.
        public let parts: [Part]
        public let reference: [UInt32]

        /// Frames of the music.
        public var frames: Int { FrameComparison.trimmed(reference).count }

        init(reference: [UInt32], onA: [UInt32], onB: [UInt32], hosts: (LabHost, LabHost), moves: [Move]) throws {
            let (first, last) = try Self.split(onA)
            parts = [
                Part(first, of: hosts.0.recorder), Part(FrameComparison.trimmed(onB), of: hosts.1.recorder),
                Part(last, of: hosts.0.recorder),
            ]
            self.reference = reference
            comparison = FrameComparison(reference: reference, recording: parts.flatMap(\.frames))
            self.moves = moves
            for index in moves.indices {
                let after = Int64(parts[index + 1].startTime)
                self.moves[index].silenceMilliseconds = Double(after - Int64(parts[index].endTime)) / 1e6
                self.moves[index].resumeMilliseconds = Double(after - Int64(moves[index].resumeStarted)) / 1e6
            }
        }

        /// The two stretches before and after the longest silence.
        private static func split(_ recording: [UInt32]) throws -> (ArraySlice<UInt32>, ArraySlice<UInt32>) {
            let frames = FrameComparison.trimmed(recording)
            var longest = 0..<0
            var start: Int?
            for index in frames.indices {
                if frames[index] == 0 {
                    if start == nil { start = index }
                } else if let begin = start {
                    if index - begin > longest.count { longest = begin..<index }
                    start = nil
                }
            }
            guard !longest.isEmpty else {
                throw Failure("the recording", "host A was heard once, not twice")
            }
            return (frames[..<longest.lowerBound], frames[longest.upperBound...])
        }
    }
}
