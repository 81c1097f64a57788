internal import CLI
internal import FoundationEssentials
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What the demo found out, as it is printed and written down.
struct DemoReport: Encodable {
    struct Move: Encodable {
        /// From the command's start to its end, the session committed and gone from the host, ms.
        var suspendMilliseconds: Double
        /// From the last frame on the one host to the first on the other, ms.
        var silenceMilliseconds: Double = 0
        /// From the command's start to the first frame heard, ms.
        var resumeMilliseconds: Double = 0
        /// CRIU's images before compression, bytes.
        var imageBytes: UInt64
        /// When the resume was asked for, ns of CLOCK_MONOTONIC.
        let resumeStarted: UInt64

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

        init(suspend: LabHost.Result, resumeStarted: UInt64) throws {
            suspendMilliseconds = suspend.milliseconds
            imageBytes = try JSONDecoder().decode(SuspendReport.self, from: Data(suspend.output.utf8)).imageBytes
            self.resumeStarted = resumeStarted
        }
    }

    /// A stretch of the music as it was heard on one host.
    struct Part {
        let host: LabHost
        let frames: [UInt32]
        /// Index of the first frame in the host's recording.
        let start: Int

        var startTime: UInt64 { host.recorder.time(ofFrame: start) ?? 0 }
        var endTime: UInt64 { host.recorder.time(ofFrame: start + frames.count - 1) ?? 0 }
    }

    let comparison: FrameComparison
    var moves: [Move]
    let parts: [Part]
    let reference: [UInt32]

    enum CodingKeys: String, CodingKey { case frames, heardOnA, heardOnB, lost, repeated, altered, silent, moves }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(FrameComparison.trimmed(reference).count, forKey: .frames)
        try container.encode(comparison.lost, forKey: .lost)
        try container.encode(comparison.repeated, forKey: .repeated)
        try container.encode(comparison.altered, forKey: .altered)
        try container.encode(comparison.silent, forKey: .silent)
        try container.encode(moves, forKey: .moves)
    }

    init(reference: [UInt32], onA: [UInt32], onB: [UInt32], hosts: (LabHost, LabHost), moves: [Move]) throws {
        let (first, last) = try Self.split(onA)
        let middle = FrameComparison.trimmed(onB)
        parts = [
            Part(host: hosts.0, frames: Array(first), start: first.startIndex),
            Part(host: hosts.1, frames: Array(middle), start: middle.startIndex),
            Part(host: hosts.0, frames: Array(last), start: last.startIndex),
        ]
        self.reference = reference
        comparison = FrameComparison(reference: reference, recording: parts.flatMap(\.frames))
        self.moves = moves
        for index in moves.indices {
            let before = parts[index].endTime
            let after = parts[index + 1].startTime
            self.moves[index].silenceMilliseconds = Double(Int64(after) - Int64(before)) / 1e6
            self.moves[index].resumeMilliseconds = Double(Int64(after) - Int64(moves[index].resumeStarted)) / 1e6
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
            throw Failure("the demo", "host A was heard once, not twice", remedy: "see whether the sound server ran")
        }
        return (frames[..<longest.lowerBound], frames[longest.upperBound...])
    }

    func printTable() {
        func count(_ value: Int) -> TableCell { .number(String(value)) }
        func ms(_ value: Double) -> TableCell { .number(String(Int(value.rounded()))) }
        let frames = Table(
            columns: ["frames", "heard on A", "heard on B", "lost", "repeated", "altered", "silence within"],
            rows: [
                [
                    count(FrameComparison.trimmed(reference).count), count(parts[0].frames.count + parts[2].frames.count),
                    count(parts[1].frames.count), count(comparison.lost), count(comparison.repeated),
                    count(comparison.altered), count(comparison.silent),
                ]
            ])
        let moved = Table(
            columns: ["move", "suspend ms", "silence ms", "resume ms", "image bytes"],
            rows: zip(["A to B", "B to A"], moves).map { name, move in
                [
                    .text(name), ms(move.suspendMilliseconds), ms(move.silenceMilliseconds),
                    ms(move.resumeMilliseconds), .number(String(move.imageBytes)),
                ]
            })
        print(frames.text(emphasized: Terminal.hasColour))
        print()
        print(moved.text(emphasized: Terminal.hasColour))
    }

    func write(to file: FilePath) throws {
        let json = try JSONText.encode(self)
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, Array(json), permissions: .init(rawValue: 0o644))
        }
    }
}
