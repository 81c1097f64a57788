internal import CALSA
internal import Glibc
internal import LinuxSystem
internal import SoundDSP

/// An open PCM of the host. Nothing here waits for the device. Not thread-safe; closes when it is released.
final class AlsaPCM {
    let name: String
    let parameters: AlsaParameters
    private let pcm: OpaquePointer
    private let software: OpaquePointer

    /// Opens and configures it, and leaves it prepared and empty. Throws why not, in one line.
    init(_ name: String, _ direction: AlsaParameters.Direction) throws(SinkFailure) {
        calsa_be_quiet()
        var opened: OpaquePointer?
        let stream = direction == .playback ? SND_PCM_STREAM_PLAYBACK : SND_PCM_STREAM_CAPTURE
        let result = snd_pcm_open(&opened, name, stream, SND_PCM_NONBLOCK)
        guard result == 0, let pcm = opened else {
            throw SinkFailure(reason: "cannot open the ALSA PCM \(name): \(AlsaError(code: result).reason)")
        }
        do {
            parameters = try AlsaParameters(negotiatingWith: pcm, direction)
            software = try Self.softwareParameters(of: pcm)
        } catch {
            snd_pcm_close(pcm)
            throw SinkFailure(reason: "cannot use the ALSA PCM \(name): \(error.reason)")
        }
        self.name = name
        self.pcm = pcm
        do {
            try setAvailMin(parameters.periodFrames)
            try prepare()
        } catch {
            // What was opened is closed by deinit.
            throw SinkFailure(reason: "cannot prepare the ALSA PCM \(name): \(error.reason)")
        }
    }

    deinit {
        snd_pcm_sw_params_free(software)
        snd_pcm_close(pcm)
    }

    /// With the first write it runs: one that was told to wait for more would, where a plugin hands that number on, wait
    /// for as much after each time it ran empty.
    private static func softwareParameters(of pcm: OpaquePointer) throws(SinkFailure) -> OpaquePointer {
        var made: OpaquePointer?
        guard snd_pcm_sw_params_malloc(&made) == 0, let software = made else {
            throw SinkFailure(reason: "there is no memory for its parameters")
        }
        snd_pcm_sw_params_current(pcm, software)
        snd_pcm_sw_params_set_start_threshold(pcm, software, 1)
        return software
    }

    // MARK: State

    /// It is ready for as many frames as fit, and for `start`.
    func prepare() throws(AlsaError) { try AlsaError.check(snd_pcm_prepare(pcm)) }

    /// Runs; once more does nothing.
    func start() throws(AlsaError) {
        if snd_pcm_state(pcm) == SND_PCM_STATE_PREPARED { try AlsaError.check(snd_pcm_start(pcm)) }
    }

    /// Stops at once; what it holds is not heard any more.
    func drop() throws(AlsaError) { try AlsaError.check(snd_pcm_drop(pcm)) }

    /// Why it will not go on by itself, nor when it is prepared again; `nil` if it does.
    var obstacle: AlsaError? {
        switch snd_pcm_state(pcm) {
        case SND_PCM_STATE_DISCONNECTED: .gone
        case SND_PCM_STATE_SUSPENDED: .suspended
        case SND_PCM_STATE_XRUN: nil
        default: AlsaError(code: -EIO)
        }
    }

    /// From when on the PCM's descriptors are ready: `frames` that can be written or read.
    func setAvailMin(_ frames: Int) throws(AlsaError) {
        try AlsaError.check(snd_pcm_sw_params_set_avail_min(pcm, software, snd_pcm_uframes_t(max(1, frames))))
        try AlsaError.check(snd_pcm_sw_params(pcm, software))
    }

    /// Frames that can be written, or read, without waiting. RT safe.
    func available() throws(AlsaError) -> Int {
        let frames = try AlsaError.check(Int(snd_pcm_avail(pcm)))
        return min(frames, parameters.bufferFrames)
    }

    /// Frames from the next one to be written, or read, to what is heard, or said, now. `nil` where the device cannot
    /// tell at the moment. RT safe.
    func delay() throws(AlsaError) -> Int? {
        var frames: snd_pcm_sframes_t = 0
        let result = snd_pcm_delay(pcm, &frames)
        if result == -ENODEV || result == -EPIPE { throw AlsaError(code: result) }
        return result == 0 ? max(0, Int(frames)) : nil
    }

    // MARK: Frames

    /// Writes interleaved frames of the PCM's own layout; returns how many it took. RT safe.
    func write(_ frames: UnsafeRawPointer, count: Int) throws(AlsaError) -> Int {
        let result = snd_pcm_writei(pcm, frames, snd_pcm_uframes_t(count))
        return result == -Int(EAGAIN) ? 0 : try AlsaError.check(result)
    }

    /// Reads up to `count` of them. RT safe.
    func read(_ frames: UnsafeMutableRawPointer, count: Int) throws(AlsaError) -> Int {
        let result = snd_pcm_readi(pcm, frames, snd_pcm_uframes_t(count))
        return result == -Int(EAGAIN) ? 0 : try AlsaError.check(result)
    }

    // MARK: Descriptors

    /// What has to be polled, in ALSA's own terms: there may be several, and for which events is the PCM's affair.
    func descriptors() throws(AlsaError) -> [pollfd] {
        let count = try AlsaError.check(snd_pcm_poll_descriptors_count(pcm))
        var result = [pollfd](repeating: pollfd(), count: Int(count))
        let filled = try AlsaError.check(snd_pcm_poll_descriptors(pcm, &result, UInt32(count)))
        return Array(result.prefix(Int(filled)))
    }

    /// What the descriptors' readiness means: POLLIN, POLLOUT, POLLERR. RT safe.
    func events(of descriptors: inout [pollfd]) -> Int32 {
        var events: UInt16 = 0
        let count = UInt32(descriptors.count)
        guard poll(&descriptors, nfds_t(count), 0) >= 0,
            snd_pcm_poll_descriptors_revents(pcm, &descriptors, count, &events) == 0
        else { return POLLERR }
        return Int32(events)
    }
}
