internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import SoundControl
internal import SoundSinks
internal import SystemPackage

/// `podaudio record POD FILE`: what a pod plays, into a file.
struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Record what a pod plays into a WAV, FLAC or Ogg Vorbis file.",
        discussion: """
            All of the pod's streams, mixed, at its sink's rate and channels, before its volume; silence where nothing \
            plays. Goes on until it is interrupted, or for --seconds. An Ogg file is lossy; the others hold the very \
            frames.
            """)

    @Argument(help: "The pod.")
    var podName: String

    @Argument(help: "The file; .wav, .flac or .ogg.")
    var file: String

    @Option(help: "How long, s; without it until interrupted.")
    var seconds: Double?

    @Option(help: "Bits of a sample, of WAV and FLAC: 16 or 24.")
    var bits = 16

    func validate() throws {
        guard SoundFileWriter.Depth(rawValue: bits) != nil else {
            throw ValidationError("--bits wants 16 or 24, not \(bits)")
        }
        if let seconds, !(seconds > 0 && seconds < 1e6) { throw ValidationError("--seconds wants a time above 0") }
    }

    func run() throws {
        var pod = PodOptions()
        pod.pod = podName
        let (name, client) = try pod.runningBroker()
        var tap: BrokerTap
        do {
            tap = try client.tap()
        } catch let problem as BrokerClient.Problem {
            throw Failure("the sound of pod \(name)", "\(problem)")
        }
        let interrupt = try Interrupt()
        let writer: SoundFileWriter
        do {
            writer = try SoundFileWriter(
                FilePath(file), rate: tap.rate, channels: tap.channels,
                depth: SoundFileWriter.Depth(rawValue: bits) ?? .bits16)
            try record(&tap, until: interrupt, into: writer)
        } catch let failure as SinkFailure {
            throw Failure("record", "pod \(name)", failure.reason)
        }
        writer.close()
    }

    private func record(_ tap: inout BrokerTap, until interrupt: Interrupt, into writer: SoundFileWriter) throws {
        let started = MonotonicClock.nanoseconds
        let progress = ProgressLine()
        progress.stage("recording")
        var limit = seconds.map { Int($0 * Double(tap.rate)) } ?? Int.max
        var written = 0
        while written < limit {
            // What was heard up to now comes a moment later: it is waited for.
            if limit == Int.max, interrupt.isRaised {
                limit = Int((MonotonicClock.nanoseconds - started) / 1000 * UInt64(tap.rate) / 1_000_000)
            }
            switch tap.next(milliseconds: 200) {
            case .nothing: progress.tick()
            case .end:
                progress.finish()
                Terminal.say("the pod's sound has ended here, or goes on at another sink; the recording ends with it")
                return
            case .frames(let frames):
                let count = min(frames.count / tap.channels, limit - written)
                try writer.write(Array(frames[..<(count * tap.channels)]))
                written += count
                progress.tick()
            }
        }
    }
}

/// Ctrl-C and its kind, noticed where it suits.
struct Interrupt {
    private let signals: SignalDescriptor

    init() throws {
        signals = try attempt("watch for", "Ctrl-C") { () throws(Errno) in
            try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        }
    }

    /// Waits up to `milliseconds` for it.
    func wait(milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }

    var isRaised: Bool { wait(milliseconds: 0) }
}
