internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Records what a server's sink plays.
public final class MonitorRecorder {
    private let file: FilePath
    private let process: ChildProcess
    private let rate: Int
    /// Bytes that had been recorded at a moment of CLOCK_MONOTONIC, ns.
    private var stamp: (bytes: UInt64, nanoseconds: UInt64)?
    private var sound = SoundExtent()

    /// Begins to record the monitor of `server`'s sink, in its own format and rate; returns when sound arrives.
    public init(of server: any LabSoundServer, sink: String = PulseServer.sinkName) throws {
        let file = server.folder.appending("\(sink).raw")
        let log = server.folder.appending("\(sink).log")
        try? Files.remove(file)
        self.file = file
        rate = server.rate
        let output = try attempt("write", file.string) { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open(file.string, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) })
        }
        let errors = try attempt("write", log.string) { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open(log.string, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) })
        }
        let null = try attempt("open", "/dev/null") { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open("/dev/null", O_RDONLY | O_CLOEXEC) })
        }
        process = try ChildProcess(
            Command(
                "parec",
                [
                    "--server=\(server.address)", "--device=\(sink).monitor", "--format=\(server.format)",
                    "--rate=\(server.rate)", "--channels=\(server.channelMap.count)",
                    "--channel-map=\(server.channelMap.joined(separator: ","))", "--raw", "--latency-msec=20",
                ], environment: PulseServer.environment(home: server.folder)),
            input: null.number, output: output.number, error: errors.number)
        try waitUntil("the recorder of \(server.folder.string) hears its server (see \(log.string))") {
            (try? Files.size(of: file)) ?? 0 > 0
        }
    }

    /// Frames recorded so far.
    public var count: Int { Int((try? Files.size(of: file)) ?? 0) / 4 }

    /// Waits until `frames` have been recorded since the first that was not silent.
    public func waitUntilHeard(_ frames: Int) throws {
        try waitUntil("\(frames) frames of sound are recorded in \(file.string)") {
            try sound.follow(file)
            return sound.first.map { sound.count - $0 >= frames } ?? false
        }
    }

    /// Waits until there was sound and after it `frames` of silence: all has come through the monitor.
    public func waitUntilSilent(_ frames: Int) throws {
        try waitUntil("the sound recorded in \(file.string) ends") {
            try sound.follow(file)
            return sound.last.map { sound.count - $0 > frames } ?? false
        }
    }

    /// Ends the recording and returns its frames, each one stereo sample of 16 bits.
    public func finish() throws -> [UInt32] {
        Frames.unpack(try finishBytes())
    }

    /// Ends the recording and returns it as it is.
    public func finishBytes() throws -> [UInt8] {
        if stamp == nil {
            stamp = ((try? Files.size(of: file)) ?? 0, MonotonicClock.nanoseconds)
            process.send(SIGTERM)
            process.wait()
        }
        return try attempt("read", file.string) { () throws(Errno) in
            try Files.read(file, limit: 1 << 30)
        }
    }

    /// When frame `index` was played, ns of CLOCK_MONOTONIC, after `finish`: a null sink plays by that clock, so
    /// one known moment tells all others, as exactly as it is known: to the recorder's fragment, 20 ms.
    public func time(ofFrame index: Int) -> UInt64? {
        stamp.map { stamp in
            let later = Int64(stamp.bytes / 4) - Int64(index)
            return UInt64(Int64(stamp.nanoseconds) - later * 1_000_000_000 / Int64(rate))
        }
    }
}

/// Stereo frames of 16 bits as the 32 bits they take in memory.
public enum Frames {
    public static func unpack(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        }
    }

    public static func pack(_ frames: [UInt32]) -> [UInt8] {
        frames.withUnsafeBytes { Array($0) }
    }

    /// Noise of a fixed seed, never silent: every stretch of it is unique.
    public static func noise(count: Int, seed: UInt64 = 1) -> [UInt32] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            // Half of full scale, and the lowest bit of a channel set.
            let left = UInt32(UInt16(bitPattern: Int16(truncatingIfNeeded: state) / 2))
            let right = UInt32(UInt16(bitPattern: Int16(truncatingIfNeeded: state >> 32) / 2))
            return left | right << 16 | 1
        }
    }
}
