internal import Glibc
internal import LinuxSystem
internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// One PCM that records: what the host's source delivers is written into its ring.
final class RecordingStream: PodStream {
    private static let chunk = 1024

    private let kind: ConverterKind
    private var gain: Float = 1
    private var capture: (any CaptureStream)?
    /// How the source's frames look.
    private var layout = SampleLayout(format: .s16, channelMap: ChannelMap.stereo)
    private var converter: (any RateConverter)?
    private var isHeld = false
    private var isOverrun = false
    /// The source's frames as floating point; at the stream's rate; as the stream's bytes.
    private let decoded: UnsafeMutablePointer<Float>
    private let converted: UnsafeMutablePointer<Float>
    private let encoded: UnsafeMutableRawPointer

    init(id: StreamID, program: String, kind: ConverterKind, log: PodLog) {
        self.kind = kind
        let samples = Self.chunk * 8
        decoded = .allocate(capacity: samples)
        converted = .allocate(capacity: samples)
        decoded.initialize(repeating: 0, count: samples)
        converted.initialize(repeating: 0, count: samples)
        encoded = .allocate(byteCount: samples * 4, alignment: 16)
        super.init(id: id, program: program, log: log)
    }

    deinit {
        decoded.deallocate()
        converted.deallocate()
        encoded.deallocate()
    }

    override func isPlausible(_ position: UInt64, program: UInt64, in ring: FrameRing) -> Bool {
        position >= program && position - program <= ring.frames
    }

    override var fill: UInt64 {
        guard let ring else { return 0 }
        return hwPointer - min(hwPointer, ring.programPosition)
    }

    override var stateName: String { isOverrun && state == .running ? "xrun" : state.name }

    override func beganRun() { isOverrun = false }

    override func stateChanged() { isOverrun = false }

    // MARK: The source

    override var isOpen: Bool { capture != nil }

    override func setRunning(_ running: Bool) { capture?.setRunning(running) }

    override func setMixer(_ mixer: MixerState) { gain = mixer.captureGain }

    override func openSinkStream() {
        guard capture == nil, let configuration, let sink, case .ready(let host) = sink.state else { return }
        guard let source = host.source else {
            obstacle = "\(host.name) has nothing to record from"
            return
        }
        if source.rate == configuration.rate {
            converter = nil
            layout = SampleLayout(format: format, channelMap: channelMap)
        } else {
            do {
                converter = try kind.make(
                    ratio: RateRatio(from: source.rate, to: configuration.rate), channels: channelMap.channels)
            } catch {
                obstacle = "its rate cannot be converted: \(error)"
                return
            }
            layout = SampleLayout(format: .float32, channelMap: channelMap)
        }
        capture = sink.makeCapture(
            SinkStreamConfiguration(
                name: program, layout: layout, rate: source.rate,
                bufferFrames: atSource(configuration.bufferFrames, source.rate),
                periodFrames: atSource(configuration.periodFrames, source.rate)), client: self)
    }

    private func atSource(_ frames: UInt64, _ rate: UInt32) -> Int {
        max(1, Int(clamping: frames * UInt64(rate) / UInt64(configuration?.rate ?? rate)))
    }

    override func closeSinkStream() {
        capture?.close()
        capture = nil
        // After it: what waits for the capture to stop hears of that when it is closed, and holds the stream.
        isHeld = false
        converter = nil
    }

    override func hold(completion: @escaping () -> Void) {
        forgetSink()
        guard let capture, !isHeld else { return completion() }
        capture.stop { [self] in
            isHeld = true
            completion()
        }
    }

    // MARK: Into the ring

    /// Takes frames of the stream's own format. RT safe.
    private func append(_ frames: UnsafeRawPointer, count: Int) {
        guard let ring, let configuration else { return }
        let read = ring.programPosition
        // A program that claims to have read what was never written has only itself to blame.
        guard read <= hwPointer else { return violation("a read position \(read) beyond what was recorded") }
        let room = configuration.bufferFrames - min(configuration.bufferFrames, hwPointer - read)
        let taken = min(room, UInt64(count))
        if taken > 0 {
            ring.write(at: hwPointer, count: Int(taken), from: frames)
            peaks.measure(frames, count: Int(taken), SampleLayout(format: format, channelMap: channelMap))
            hwPointer += taken
            position = StreamPosition(frame: hwPointer)
        }
        let isFull = taken < UInt64(count)
        if isFull, !isOverrun { xruns &+= 1 }
        isOverrun = isFull
    }
}

extension RecordingStream: CaptureStreamClient {
    func captured(_ frames: UnsafeRawPointer, count: Int, delayNanoseconds: UInt64) {
        guard !isHeld, state == .running, let configuration else { return }
        delay = delayNanoseconds
        if converter == nil, gain == 1 {
            append(frames, count: count)
        } else {
            var done = 0
            while done < count {
                let part = min(Self.chunk, count - done)
                convert(frames + done * layout.frameBytes, count: part)
                done += part
            }
        }
        publish()
        if fill >= configuration.software.availMin || isOverrun { wakeProgram() }
    }

    private func convert(_ frames: UnsafeRawPointer, count: Int) {
        let channels = channelMap.channels
        SampleConversion.toFloat(frames, layout.format, decoded, count: count * channels)
        if gain != 1 { for index in 0..<count * channels { decoded[index] *= gain } }
        guard let converter else { return encode(decoded, count: count) }
        var used = 0
        while true {
            let step = converter.convert(
                decoded + used * channels, frames: count - used, into: converted, capacity: Self.chunk, isLast: false)
            used += step.used
            encode(converted, count: step.made)
            if step.made == 0 && (step.used == 0 || used == count) { return }
        }
    }

    private func encode(_ samples: UnsafePointer<Float>, count: Int) {
        guard count > 0 else { return }
        SampleConversion.fromFloat(samples, encoded, format, count: count * channelMap.channels)
        append(encoded, count: count)
    }

    func lost() {
        closeSinkStream()
        obstacle = "the source has dropped it"
        onLost?()
    }
}
