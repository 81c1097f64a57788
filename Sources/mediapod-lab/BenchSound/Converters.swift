internal import LinuxSystem
internal import SoundDSP
internal import SoundLab
internal import SystemPackage

/// The rate converters beside PulseAudio's own, which is heard by its monitor, and beside the bare library.
struct Converters {
    let rounds: Int

    private static let source: UInt32 = 44100
    private static let sink: UInt32 = 48000
    private static let peerName = "PulseAudio's default"
    /// Two per cent are less than a round of some 50 ms varies by on a busy machine: many rounds, which cost nothing
    /// beside the others'.
    private static let speedRounds = 25

    func measure() throws -> [BenchFigure] {
        say("PulseAudio's resampler")
        let peer = try peerFigures()
        var figures: [BenchFigure] = []
        for kind in ConverterKind.allCases {
            say("the converter \(kind.rawValue)")
            let quality = try ConverterQuality.measure(
                kind, from: Self.source, to: Self.sink, rounds: max(rounds, Self.speedRounds))
            figures += compare(quality, peer)
        }
        return figures
    }

    private func compare(_ quality: ConverterQuality, _ peer: ConverterFigures) -> [BenchFigure] {
        let kind = quality.kind
        let ours = quality.figures
        // Of the one that is used unless another is asked for.
        let isStandard = kind == .standard
        func figure(_ name: String, _ mine: Double, _ theirs: Double, isHigherBetter: Bool = true) -> BenchFigure {
            BenchFigure(
                "\(kind.rawValue): \(name)", unit: "dB", ours: mine, peer: theirs, peerName: Self.peerName,
                isMet: isStandard ? (isHigherBetter ? mine > theirs : mine < theirs) : nil)
        }
        var figures = [
            figure("SNR at 997 Hz", ours.signalToNoise, peer.signalToNoise),
            figure("THD+N at 997 Hz", ours.distortionAndNoise, peer.distortionAndNoise, isHigherBetter: false),
            figure("SNR of a sweep to 16 kHz", ours.sweepSignalToNoise, peer.sweepSignalToNoise),
            figure("worst image", ours.worstImage, peer.worstImage, isHigherBetter: false),
        ]
        if let mine = ours.gainAt19kHz, let theirs = peer.gainAt19kHz {
            figures.append(figure("loss at 19 kHz", abs(mine), abs(theirs), isHigherBetter: false))
        }
        figures.append(
            BenchFigure(
                "\(kind.rawValue): tail", unit: "frames", ours: Double(quality.tailFrames),
                peer: Double(quality.tailFrames), peerName: "itself", isMet: nil))
        if !quality.librarySpeeds.isEmpty {
            figures.append(
                BenchFigure(
                    "\(kind.rawValue): time for a second of sound", unit: "ms", ours: quality.speeds.map { 1000 / $0 },
                    peer: quality.librarySpeeds.map { 1000 / $0 }, peerName: "the bare library", goal: 1.02))
        } else {
            figures.append(
                BenchFigure(
                    "\(kind.rawValue): time for a second of sound", unit: "ms", ours: quality.speeds.map { 1000 / $0 },
                    peer: quality.speeds.map { _ in 1000 }, peerName: "real time", goal: 1))
        }
        return figures
    }

    /// The probe's signal, played at 44.1 kHz at a server of 48 kHz, in floating point all the way.
    private func peerFigures() throws -> ConverterFigures {
        let folder = try LabFolder("mediapod-bench")
        let server = try PulseServer(in: folder.appending("host"), rate: Int(Self.sink), format: "float32le")
        let recorder = try MonitorRecorder(of: server)
        let probe = ConverterProbe(from: Self.source, to: Self.sink)
        let stereo = probe.input.flatMap { [$0, $0] }
        let file = folder.appending("probe.raw")
        let bytes = stereo.withUnsafeBytes { Array($0) }
        try attempt("write", file.string) { () throws(Errno) in
            try Files.write(file, bytes, permissions: .init(rawValue: 0o644))
        }
        let player = try ChildProcess(
            Command(
                "pacat",
                [
                    "--server=\(server.address)", "--playback", "--raw", "--format=float32le", "--channels=2",
                    "--rate=\(Self.source)", file.string,
                ], environment: ["HOME=\(folder.path.string)", "PATH=/usr/bin:/bin"]),
            writingTo: folder.appending("pacat.log"))
        guard player.wait().isSuccess else { throw Failure("pacat", "failed") }
        let recording = try recorder.finishBytes()
        let left = recording.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count / 8 * 8, by: 8).map { raw.loadUnaligned(fromByteOffset: $0, as: Float.self) }
        }
        guard let figures = probe.figures(of: left) else {
            throw Failure("PulseAudio's resampler", "its output was not recognised in the recording")
        }
        return figures
    }
}
