internal import LinuxSystem
internal import SoundDSP

/// Keeps a PCM fed with the sum of its streams.
///
/// No more is kept ahead than 40 ms, and no more than the stream that wants least: one that gave less than its
/// neighbours would be mixed in behind what they gave, with a gap before each of its periods. What has been written is
/// never taken back: most plugins cannot, and a device's word for what it had played is true to a period at best.
final class AlsaPlayback {
    private let pcm: AlsaPCM
    private let parameters: AlsaParameters
    private var waker: AlsaWaker?
    private let mixer: StreamMixer
    private let onFailure: (String) -> Void
    private var streams: [MixedStream] = []
    /// Frames of the sum, in the PCM's layout, which the PCM has not taken yet.
    private let staged: UnsafeMutableRawPointer
    private var stagedFrames = 0
    private var stagedOffset = 0
    /// Frames of the sum made so far, staged ones too.
    private var mixed: UInt64 = 0
    /// Where in the sum the last stream's last frame ends.
    private var contentEnd: UInt64 = 0
    private var progress = MixProgress()
    /// Frames in the PCM's buffer, when last asked and with what was written since.
    private var queued = 0
    private var isStarted = false
    private var isClosed = false
    private var isTurning = false
    private var isTurnAsked = false
    /// Frames kept ahead, and between two turns.
    private var target: Int
    private var interval: Int
    private let maximumTarget: Int

    /// With less than this left, silence takes the place of what does not come, frames.
    private var guardFrames: Int { max(1, parameters.periodFrames / 2) }

    /// `onFailure` hears once that the PCM is lost, and why.
    init(_ pcm: AlsaPCM, on loop: EventLoop, onFailure: @escaping (String) -> Void) throws(SinkFailure) {
        self.pcm = pcm
        self.onFailure = onFailure
        parameters = pcm.parameters
        let usual = max(Int(parameters.rate) / 25, 2 * parameters.periodFrames)
        maximumTarget = min(parameters.bufferFrames, usual)
        target = maximumTarget
        interval = parameters.periodFrames
        mixer = StreamMixer(channels: parameters.channelMap.channels, maximumFrames: maximumTarget)
        staged = .allocate(byteCount: maximumTarget * parameters.frameBytes, alignment: 16)
        waker = try AlsaWaker(pcm, on: loop) { [weak self] reason in self?.woken(reason) }
    }

    deinit { staged.deallocate() }

    func makeStream(_ configuration: SinkStreamConfiguration, client: any SinkStreamClient) -> MixedStream {
        let stream = MixedStream(
            configuration, client: client, changed: { [weak self] in self?.streamsChanged() },
            closed: { [weak self] stream in self?.streams.removeAll { $0 === stream } })
        streams.append(stream)
        return stream
    }

    /// The streams are dead after this.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        waker?.close()
        waker = nil
        let streams = self.streams
        self.streams = []
        for stream in streams { stream.abandon() }
    }

    private func fail(_ error: AlsaError) {
        guard !isClosed else { return }
        close()
        onFailure("lost the ALSA PCM \(pcm.name): \(error.reason)")
    }

    // MARK: Turns

    private func streamsChanged() {
        guard !isClosed else { return }
        var wanted = maximumTarget
        interval = parameters.periodFrames
        for stream in streams where stream.isRunning {
            wanted = min(wanted, stream.bufferFrames)
            interval = min(interval, stream.periodFrames)
        }
        wanted = max(wanted, min(parameters.periodFrames, maximumTarget))
        if wanted != target {
            target = wanted
            // Descriptors are ready when a period is missing of what shall be ahead.
            let missing = parameters.bufferFrames - target + parameters.periodFrames
            do { try pcm.setAvailMin(min(missing, parameters.bufferFrames)) } catch { return fail(error) }
        }
        turn()
    }

    private func woken(_ reason: AlsaWaker.Reason) {
        if reason == .broken, let obstacle = pcm.obstacle { return fail(obstacle) }
        turn()
    }

    /// Tells the streams how far they are, and gives the PCM what it has room for. RT safe as far as the clients are.
    private func turn() {
        // A client that is told something may say something in turn: that is for the next turn.
        guard !isClosed, !isTurning else { return isTurnAsked = true }
        isTurning = true
        isTurnAsked = false
        do {
            try takeTurn()
            if isTurnAsked, !isClosed { try takeTurn() }
        } catch {
            fail(error)
        }
        isTurning = false
    }

    private func takeTurn() throws(AlsaError) {
        try look()
        // A copy: a client may close its stream, or the sink, when told.
        for stream in Array(streams) { stream.report(progress) }
        guard !isClosed else { return }
        let room = target - queued
        do {
            try fill(room)
        } catch {
            guard error.isXrun else { throw error }
            try recover()
            try fill(target)
        }
        guard !isClosed else { return }
        if isStarted, hasBeenSilent { try rest() }
        wait(room: room)
    }

    /// Asks the PCM how far it is.
    private func look() throws(AlsaError) {
        guard isStarted else { return }
        do {
            queued = parameters.bufferFrames - (try pcm.available())
            let delay = max(queued, try pcm.delay() ?? queued)
            let written = mixed - UInt64(stagedFrames - stagedOffset)
            progress.played = max(progress.played, written - min(written, UInt64(queued)))
            progress.heard = max(progress.heard, written - min(written, UInt64(delay)))
            progress.delayNanoseconds = UInt64(delay - queued) * 1_000_000_000 / UInt64(parameters.rate)
        } catch {
            guard error.isXrun else { throw error }
            try recover()
        }
    }

    /// It ran empty: so all that was written has been played.
    private func recover() throws(AlsaError) {
        finishRun()
        try pcm.prepare()
    }

    private func finishRun() {
        progress.played = mixed - UInt64(stagedFrames - stagedOffset)
        progress.heard = progress.played
        progress.delayNanoseconds = 0
        queued = 0
        isStarted = false
    }

    // MARK: Frames

    /// Fills up to `room` frames, with silence only where the PCM would run empty.
    private func fill(_ room: Int) throws(AlsaError) {
        try writeStaged()
        guard stagedOffset == stagedFrames else { return }
        let count = max(0, min(room, maximumTarget))
        if count > 0 {
            let longest = mixer.mix(streams, at: mixed, frames: count)
            guard !isClosed else { return }
            if longest > 0 {
                contentEnd = mixed + UInt64(longest)
                try give(longest)
            }
        }
        if isStarted, queued < guardFrames {
            let missing = min(parameters.periodFrames, maximumTarget)
            mixer.silence(missing)
            try give(missing)
        }
        if !isStarted, queued > 0 {
            try pcm.start()
            isStarted = true
        }
    }

    /// Gives the PCM the mixer's first `count` frames. Integers saturate.
    private func give(_ count: Int) throws(AlsaError) {
        SampleConversion.fromFloat(
            mixer.mixed, staged, parameters.format, count: count * parameters.channelMap.channels)
        stagedFrames = count
        stagedOffset = 0
        mixed += UInt64(count)
        try writeStaged()
    }

    private func writeStaged() throws(AlsaError) {
        while stagedOffset < stagedFrames {
            let taken = try pcm.write(
                staged + stagedOffset * parameters.frameBytes, count: stagedFrames - stagedOffset)
            guard taken > 0 else { return }
            stagedOffset += taken
            queued += taken
        }
    }

    // MARK: Rest

    /// For half a second: so that a pause between two pieces of music does not switch the device off and on, and what is
    /// cut off when it stops is silence even if it is further behind than it says.
    private var hasBeenSilent: Bool {
        progress.heard >= contentEnd && mixed - contentEnd >= UInt64(parameters.rate) / 2
    }

    /// Nobody has had anything to play for a while.
    private func rest() throws(AlsaError) {
        try pcm.drop()
        stagedFrames = 0
        stagedOffset = 0
        finishRun()
        try pcm.prepare()
    }

    /// `room` is what there was before it was filled.
    private func wait(room: Int) {
        guard let waker else { return }
        guard isStarted || stagedOffset < stagedFrames else { return waker.rest() }
        let isFull = queued >= target
        // A device that says it is ready when it is not would be asked without end.
        let wasReady = room >= guardFrames
        let isOftenEnough = interval >= parameters.periodFrames && target >= 2 * parameters.periodFrames
        if isFull, wasReady, isOftenEnough, waker.isPollable {
            waker.waitForDevice()
        } else {
            let frames = min(interval, isFull ? target / 2 : queued - guardFrames)
            let least = parameters.periodFrames / 5
            waker.wait(nanoseconds: UInt64(max(frames, least, 1)) * 1_000_000_000 / UInt64(parameters.rate))
        }
    }
}
