internal import Glibc
internal import LinuxSystem
internal import SoundABI
internal import SoundControl
internal import SoundDSP
internal import SoundSinks

/// One PCM that plays: its ring on one side, a sink's stream on the other, and the position between them.
final class PlaybackStream: PodStream {
    /// The most that a sink keeps ahead: with this for each of a pod's streams, a hostile one's are 128 MiB.
    private static let maximumSinkBytes = 1 << 20

    private let kind: ConverterKind
    private var gain: Float = 1
    private var sinkStream: (any SinkStream)?
    private var renderer: (any FrameRenderer)?
    private var layout = SampleLayout(format: .s16, channelMap: ChannelMap.stereo)
    /// Whether more channels than the sink has may be mixed into those that it has.
    var mayDownmix = false
    /// The sink's stream was stopped: it lives only until the device has sounded what it holds.
    private var isHeld = false
    /// Who waits for that.
    private var stopWaiters: [() -> Void] = []
    private var isStarved = false
    private var isDrainAsked = false
    private var isDrained = false
    /// Where the program's sound ended when the sink was asked to play it to its end.
    private var drainEnd: UInt64 = 0
    private var feeds: [TapFeed] = []
    /// Frames that this stream of the sink's was given.
    private var rendered: UInt64 = 0
    /// Who hears what is played.
    var taps: [SoundTap] = [] {
        didSet { feedTaps() }
    }

    init(id: StreamID, program: String, kind: ConverterKind, log: PodLog) {
        self.kind = kind
        super.init(id: id, program: program, log: log)
    }

    override func isPlausible(_ position: UInt64, program: UInt64, in ring: FrameRing) -> Bool {
        position <= program && program - position <= ring.frames
    }

    override var fill: UInt64 {
        guard let ring else { return 0 }
        let end = ring.programPosition
        return end - min(end, hwPointer)
    }

    override var stateName: String { isStarved && state == .running ? "xrun" : state.name }

    // MARK: What the program asks

    override func beganRun() { isDrained = false }

    override func stateChanged() {
        isStarved = false
        if state == .draining { sinkStream?.framesAvailable() }
        drainIfExhausted()
    }

    override func kick() { sinkStream?.framesAvailable() }

    override func rewind(to position: UInt64) {
        guard let ring, let renderer, !isHeld else { return }
        guard position >= base, position < FrameRing.endOfTime, ring.programPosition < FrameRing.endOfTime else {
            return violation("a rewind to \(position)")
        }
        // What has been played in the meantime is past, whatever the program wanted.
        guard let frames = renderer.rewind(to: max(position, self.position.wholeFrames(streamRate: rate))) else {
            return startOver()
        }
        guard frames > 0, let sinkStream else { return }
        for feed in feeds { feed.rewound(frames) }
        rendered -= min(rendered, frames)
        if !sinkStream.rewind(frames) { startOver() }
    }

    /// What the sink was given is void: takes it back by stopping exactly, and renders anew.
    private func startOver() {
        let stopped = sinkStream
        stopSinkStream { [self] in
            // No sink where the stream is being held meanwhile; another stream, or none, where it was closed: whoever did
            // that says how it goes on.
            if let sink, stopped === sinkStream { use(sink) }
        }
    }

    /// Stops at an exact position.
    private func stopSinkStream(_ completion: @escaping () -> Void) {
        guard let sinkStream else { return completion() }
        guard !isHeld else {
            if stopWaiters.isEmpty { completion() } else { stopWaiters.append(completion) }
            return
        }
        isHeld = true
        stopWaiters = [completion]
        sinkStream.stop { [self] frames in
            if let renderer, !isDrained { position = renderer.position(played: frames) }
            for feed in feeds { feed.played(upTo: frames) }
            move(isDry: false)
            let waiters = stopWaiters
            stopWaiters = []
            for waiter in waiters { waiter() }
        }
    }

    // MARK: The sink

    private var rate: UInt32 { configuration?.rate ?? 1 }

    override var isOpen: Bool { sinkStream != nil }

    override func setRunning(_ running: Bool) { sinkStream?.setRunning(running) }

    override func setMixer(_ mixer: MixerState) {
        gain = mixer.playbackGain
        sinkStream?.setGain(gain)
    }

    override func openSinkStream() {
        guard sinkStream == nil, let ring, let configuration, let sink, case .ready(let host) = sink.state
        else { return }
        if let reason = Self.obstacle(channelMap, at: host), !mayDownmix {
            obstacle = reason
            return
        }
        layout = sink.layout(for: format, channelMap)
        let isDirect = host.rate == configuration.rate && layout.format == format && layout.channelMap == channelMap
        if isDirect {
            renderer = DirectRenderer(
                ring: ring,
                start: base
                    + position.sinkFrames(since: base, streamRate: configuration.rate, at: configuration.rate))
        } else {
            do {
                renderer = try ConvertingRenderer(
                    ring: ring,
                    source: .init(format: format, channelMap: channelMap, rate: configuration.rate), layout: layout,
                    sinkRate: host.rate, position: position, base: base, kind: kind)
            } catch {
                obstacle = "its rate cannot be converted: \(error)"
                log.error("stream \(id) of \(program): its rate cannot be converted: \(error); it stays silent")
                return
            }
        }
        isDrainAsked = false
        let made = sink.makeStream(sinkConfiguration(configuration, sinkRate: host.rate), client: self)
        sinkStream = made
        rendered = 0
        feedTaps()
        if gain != 1 { made.setGain(gain) }
    }

    private func feedTaps() {
        guard sinkStream != nil, let configuration, case .ready(let host) = sink?.state else {
            feeds = []
            return
        }
        // A second beyond its buffer: servers may want more than they are told.
        let buffer = configuration.bufferFrames * UInt64(host.rate) / UInt64(configuration.rate)
        let ahead = min(buffer, 2 * UInt64(host.rate)) + UInt64(host.rate)
        feeds = taps.filter { $0.fits(host) }.map {
            TapFeed($0, layout, rendered: rendered, capacity: Int(clamping: ahead))
        }
    }

    /// Why frames for `channelMap` cannot be played at `host` as they are; `nil` when they can. One or two channels can
    /// everywhere.
    static func obstacle(_ channelMap: ChannelMap, at host: SinkCapabilities) -> String? {
        guard channelMap.channels > max(2, host.channelMap.channels) else { return nil }
        return """
            it needs \(channelMap.channels) channels (\(channelMap)), and the sink \(host.name) has \
            \(host.channelMap.channels) (\(host.channelMap))
            """
    }

    /// The sink keeps all of the program's buffer but one period, which lies ready in the ring for when the
    /// sink asks: so the program need not be waited for. With fewer than three periods there is none to spare; and
    /// as a sink tells what it has played in whole periods and by its own clock, up to two of them may pass unnoticed:
    /// of a buffer of two that is all. Then it is to tell twice as often.
    private func sinkConfiguration(_ configuration: StreamConfiguration, sinkRate: UInt32) -> SinkStreamConfiguration {
        func atSink(_ frames: UInt64) -> Int {
            max(1, Int(clamping: frames * UInt64(sinkRate) / UInt64(configuration.rate)))
        }
        let hasSpare = configuration.bufferFrames / configuration.periodFrames >= 3
        let spare = hasSpare ? configuration.periodFrames : 0
        // A larger buffer lies in the ring, which is the program's memory, and not in ours and the sink's.
        let most = min(2 * Int(sinkRate), Self.maximumSinkBytes / layout.frameBytes)
        let buffer = min(most, atSink(configuration.bufferFrames - spare))
        let period = atSink(hasSpare ? configuration.periodFrames : configuration.periodFrames / 2)
        return SinkStreamConfiguration(
            name: program, layout: layout, rate: sinkRate, bufferFrames: buffer,
            // A server does for one client's sake what every other has to live with: not more than a thousand times a
            // second.
            periodFrames: min(max(period, Int(sinkRate) / 1000), max(1, buffer / 2)))
    }

    override func closeSinkStream() {
        // What waits for it to stop hears of that now, with the renderer still there to say how far it came.
        let closed = sinkStream
        sinkStream = nil
        closed?.close()
        isHeld = false
        renderer = nil
        feeds = []
        ring?.stopAsking()
    }

    private func drainIfExhausted() {
        guard state == .draining, !isHeld, !isDrainAsked, !isDrained, let ring, let sinkStream else { return }
        let end = ring.programPosition
        drainEnd = end
        if position.wholeFrames(streamRate: rate) >= end { return drained() }
        guard renderer?.isExhausted(end: end) == true else { return }
        // The program went back just before, and nothing comes any more to take the place of what was there.
        if sinkStream.hasVoidFrames { return startOver() }
        isDrainAsked = true
        sinkStream.drain()
    }

    override func hold(completion: @escaping () -> Void) {
        forgetSink()
        stopSinkStream(completion)
    }

    /// Lets the program know how far the sink is.
    private func move(isDry: Bool) {
        guard let ring else { return }
        let end = ring.programPosition
        var reached = max(hwPointer, position.wholeFrames(streamRate: rate))
        if isDry { reached = max(reached, end) }
        // The pointer reaches the end of a drain when the last frame was heard, not when it was taken.
        if state == .draining, !isDrained, reached >= end, end > 0 { reached = max(hwPointer, end - 1) }
        hwPointer = reached
        publish()
    }
}

extension PlaybackStream: SinkStreamClient {
    func render(into target: UnsafeMutableRawPointer, frames: Int) -> Int {
        guard let ring, let renderer, !isHeld else { return 0 }
        var end = ring.programPosition
        var done = 0
        defer {
            if done > 0 {
                rendered += UInt64(done)
                peaks.measure(target, count: done, layout)
                for feed in feeds { feed.rendered(target, count: done) }
            }
        }
        while true {
            // What a program could not have written without overwriting what is still to be played: it did not
            // write it, it only moved the index.
            guard end <= hwPointer + ring.frames else {
                violation("a write position \(end) beyond the ring")
                return 0
            }
            let bytes = done * renderer.frameBytes
            done += renderer.render(
                into: target + bytes, count: frames - done, end: end, isLast: state == .draining)
            if done == frames || state == .draining { return done }
            let now = ring.askForFrames()
            if now <= end { return done }
            end = now
        }
    }

    func played(_ frames: UInt64, delayNanoseconds: UInt64) {
        guard let ring, let renderer, let configuration, !isDrained, !isHeld else { return }
        position = renderer.position(played: frames)
        for feed in feeds { feed.played(upTo: frames) }
        delay = delayNanoseconds
        let isDry = state == .running && renderer.isDry(end: ring.programPosition, played: frames)
        if isDry, !isStarved { xruns &+= 1 }
        isStarved = isDry
        move(isDry: isDry)
        // Always, also when there was room before: the program may have looked just before this was published.
        let room = configuration.bufferFrames - min(configuration.bufferFrames, configuration.software.availMin)
        if fill <= room || isDry { wakeProgram() }
        drainIfExhausted()
    }

    func drained() {
        guard state == .draining, !isHeld else { return }
        // Not where the program says now that it ends.
        position = StreamPosition(frame: max(drainEnd, position.frame))
        isDrained = true
        move(isDry: false)
        wakeProgram()
    }

    func lost() {
        closeSinkStream()
        obstacle = "the sink has dropped it"
        onLost?()
    }
}
