internal import ArgumentParser
internal import CLI
internal import LinuxSystem
internal import SoundDSP
internal import SoundSinks
internal import SystemPackage

/// `podaudio play FILE`: a sink of this host, tried without a pod.
struct PlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play", abstract: "Play a file at a sink of this host, the way a pod's sound goes.")

    @Argument(help: "A file that libsndfile knows: WAV, FLAC, Ogg, MP3 and more.")
    var file: String

    @OptionGroup var place: PlaceOptions

    @Option(help: "The rate converter: \(ConverterKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var converter: String = ConverterKind.standard.rawValue

    func run() throws {
        guard let kind = ConverterKind(rawValue: converter) else {
            throw ValidationError("unknown converter \(converter)")
        }
        let spec = try place.spec()
        let reader = try explaining { try SoundFileReader(FilePath(file)) }
        try explaining(remedy: "choose another sink with --sound") {
            let player = try FilePlayer(reader, at: spec, kind: kind)
            let progress = ProgressLine()
            progress.stage("playing")
            try player.play { done, all in progress.update(done: done, total: all) }
        }
    }

    private func explaining<Value>(remedy: String? = nil, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let failure as SinkFailure {
            throw Failure("play", file, failure.reason, remedy: remedy)
        }
    }
}

/// Plays one file to its end.
final class FilePlayer {
    private static let chunk = 1024
    private static let bufferSeconds = 0.2

    private let reader: SoundFileReader
    private let spec: SinkSpec
    private let kind: ConverterKind
    private let loop: SinkLoop
    private var sink: (any SoundSink)?
    private var stream: (any SinkStream)?
    private var failure: SinkFailure?
    private var matrix: ChannelMatrix?
    private var converter: (any RateConverter)?
    private let decoded: UnsafeMutablePointer<Float>
    private let staged: UnsafeMutablePointer<Float>
    private var stagedFrames = 0
    private var stagedOffset = 0
    private var isEnd = false
    private var readFrames = 0
    private var progress: (UInt64, UInt64) -> Void = { _, _ in }

    init(_ reader: SoundFileReader, at spec: SinkSpec, kind: ConverterKind) throws {
        self.reader = reader
        self.spec = spec
        self.kind = kind
        loop = try SinkLoop()
        decoded = .allocate(capacity: Self.chunk * 8)
        staged = .allocate(capacity: Self.chunk * 8)
    }

    deinit {
        decoded.deallocate()
        staged.deallocate()
    }

    /// Returns when the last frame was heard. Throws `SinkFailure`.
    func play(_ progress: @escaping (UInt64, UInt64) -> Void) throws {
        self.progress = progress
        let sink = try loop.makeSink(spec, name: "podaudio", observer: self)
        self.sink = sink
        sinkStateChanged(sink)
        if failure == nil { try loop.run() }
        stream?.close()
        sink.close()
        if let failure { throw failure }
    }

    private func begin(at host: SinkCapabilities, _ sink: any SoundSink) throws {
        guard let map = ChannelMap.standard(channels: reader.channels) else { return }
        let layout = SampleLayout(
            format: .float32, channelMap: sink.layout(for: .float32, map).channelMap)
        matrix = ChannelMatrix(from: map, to: layout.channelMap)
        let ratio = RateRatio(from: reader.rate, to: host.rate)
        converter = ratio.isIdentity ? nil : try kind.make(ratio: ratio, channels: layout.channels)
        let buffer = Int(Double(host.rate) * Self.bufferSeconds)
        let stream = sink.makeStream(
            SinkStreamConfiguration(
                name: "podaudio play", layout: layout, rate: host.rate, bufferFrames: buffer, periodFrames: buffer / 4),
            client: self)
        self.stream = stream
        stream.setRunning(true)
        stream.framesAvailable()
    }

    private func stop(_ failure: SinkFailure?) {
        self.failure = failure
        loop.events.stop()
    }
}

extension FilePlayer: SinkObserver {
    func sinkStateChanged(_ changed: any SoundSink) {
        guard changed === sink else { return }
        switch changed.state {
        case .connecting: return
        case .failed(let reason): stop(SinkFailure(reason: reason))
        case .ready(let host):
            guard stream == nil else { return stop(SinkFailure(reason: "the sink has become another")) }
            do { try begin(at: host, changed) } catch { stop(SinkFailure(reason: "\(error)")) }
        }
    }
}

extension FilePlayer: SinkStreamClient {
    func render(into target: UnsafeMutableRawPointer, frames: Int) -> Int {
        guard let matrix else { return 0 }
        let output = target.assumingMemoryBound(to: Float.self)
        let channels = matrix.sink.channels
        var done = 0
        while done < frames {
            if stagedOffset == stagedFrames, !isEnd {
                stagedFrames = reader.read(into: decoded, count: Self.chunk)
                stagedOffset = 0
                readFrames += stagedFrames
                isEnd = stagedFrames < Self.chunk
                matrix.apply(decoded, staged, frames: stagedFrames)
            }
            let input = staged + stagedOffset * channels
            let rest = stagedFrames - stagedOffset
            if let converter {
                let step = converter.convert(
                    input, frames: rest, into: output + done * channels, capacity: frames - done, isLast: isEnd)
                stagedOffset += step.used
                done += step.made
                if step.made == 0 && isEnd { break }
            } else {
                let count = min(rest, frames - done)
                (output + done * channels).update(from: input, count: count * channels)
                stagedOffset += count
                done += count
                if count == 0 && isEnd { break }
            }
        }
        if done < frames { stream?.drain() }
        return done
    }

    func played(_ frames: UInt64, delayNanoseconds: UInt64) {
        progress(UInt64(readFrames * 4 * reader.channels), UInt64(max(reader.frames, readFrames) * 4 * reader.channels))
    }

    func drained() { stop(nil) }

    func lost() { stop(SinkFailure(reason: "the sink has dropped the stream")) }
}
