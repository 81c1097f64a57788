internal import CALSA
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// What `snd_pcm_delay` says of a frame that is written, against the moment at which it is heard.
struct DelayError {
    let server: BenchServer
    let tries: Int

    private static let period = 2400
    private static let buffer = 9600

    func measure() throws -> [BenchFigure] {
        let stage = try SoundStage(at: server)
        setenv("ALSA_CONFIG_PATH", stage.configurationPath, 1)
        calsa_be_quiet()
        var contest = Contest(at: server)
        for index in 1...tries {
            say(server.name("the delay of an impulse, \(index) of \(tries)"))
            try contest.round { pcm in try error(pcm, on: stage) }
        }
        let period = Double(Self.period) / Double(SoundStage.rate) * 1000
        let name = "snd_pcm_delay's error"
        return [
            BenchFigure(
                server.name(name), unit: "ms", ours: contest.ours, peer: contest.ours.map { _ in period },
                peerName: "a period", goal: 1)
        ] + contest.figures(name, unit: "ms", goal: nil)
    }

    /// ms between what was said and what was heard, without a sign.
    private func error(_ name: String, on stage: SoundStage) throws -> Double {
        let recorder = try MonitorRecorder(of: stage.server)
        var handle: OpaquePointer?
        try check(snd_pcm_open(&handle, name, SND_PCM_STREAM_PLAYBACK, 0), name)
        guard let pcm = handle else { throw Failure("the PCM \(name)", "cannot be opened") }
        defer { snd_pcm_close(pcm) }
        try configure(pcm, name)
        var silence = [Int16](repeating: 0, count: Self.period * 2)
        var promised: UInt64 = 0
        for block in 0..<20 {
            // Its last frame is the impulse.
            let isImpulse = block == 12
            if isImpulse {
                silence[Self.period * 2 - 2] = 30000
                silence[Self.period * 2 - 1] = 30000
            }
            let written = snd_pcm_writei(pcm, silence, snd_pcm_uframes_t(Self.period))
            try check(Int32(clamping: written), name)
            if isImpulse {
                var delay: snd_pcm_sframes_t = 0
                try check(snd_pcm_delay(pcm, &delay), name)
                promised = MonotonicClock.nanoseconds
                promised += UInt64(max(0, delay - 1)) * 1_000_000_000 / UInt64(SoundStage.rate)
                silence = [Int16](repeating: 0, count: Self.period * 2)
            }
        }
        try check(snd_pcm_drain(pcm), name)
        let recording = try recorder.finish()
        guard let place = recording.firstIndex(where: { $0 != 0 }), let heard = recorder.time(ofFrame: place) else {
            throw Failure("the impulse at \(name)", "was not heard")
        }
        return abs(Double(Int64(heard) - Int64(promised))) / 1e6
    }

    private func configure(_ pcm: OpaquePointer, _ name: String) throws {
        var hardware: OpaquePointer?
        try check(snd_pcm_hw_params_malloc(&hardware), name)
        defer { snd_pcm_hw_params_free(hardware) }
        try check(snd_pcm_hw_params_any(pcm, hardware), name)
        try check(snd_pcm_hw_params_set_access(pcm, hardware, SND_PCM_ACCESS_RW_INTERLEAVED), name)
        try check(snd_pcm_hw_params_set_format(pcm, hardware, SND_PCM_FORMAT_S16_LE), name)
        try check(snd_pcm_hw_params_set_channels(pcm, hardware, 2), name)
        try check(snd_pcm_hw_params_set_rate(pcm, hardware, UInt32(SoundStage.rate), 0), name)
        try check(snd_pcm_hw_params_set_period_size(pcm, hardware, snd_pcm_uframes_t(Self.period), 0), name)
        try check(snd_pcm_hw_params_set_buffer_size(pcm, hardware, snd_pcm_uframes_t(Self.buffer)), name)
        try check(snd_pcm_hw_params(pcm, hardware), name)
    }

    private func check(_ result: Int32, _ name: String) throws {
        guard result < 0 else { return }
        throw Failure("the PCM \(name)", String(cString: snd_strerror(result)))
    }
}
