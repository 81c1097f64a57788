internal import CSndFile
internal import Glibc
public import SystemPackage

/// Writes sound into a file whose kind its name tells: `.wav`, `.flac`, or `.ogg` and `.oga` (Vorbis).
public final class SoundFileWriter {
    private let path: FilePath
    private var file: OpaquePointer?
    private let channels: Int

    /// Bits of a sample, of WAV and FLAC.
    public enum Depth: Int, CaseIterable, Sendable {
        case bits16 = 16
        case bits24 = 24
    }

    /// Throws `SinkFailure`. A file that is there is overwritten.
    public init(_ path: FilePath, rate: UInt32, channels: Int, depth: Depth) throws(SinkFailure) {
        self.path = path
        self.channels = channels
        let sample = depth == .bits16 ? SF_FORMAT_PCM_16 : SF_FORMAT_PCM_24
        var info = SF_INFO()
        info.samplerate = Int32(rate)
        info.channels = Int32(channels)
        switch path.extension?.lowercased() {
        case "wav": info.format = Int32(SF_FORMAT_WAV | sample)
        case "flac": info.format = Int32(SF_FORMAT_FLAC | sample)
        case "ogg", "oga": info.format = Int32(SF_FORMAT_OGG | SF_FORMAT_VORBIS)
        default:
            throw SinkFailure(
                reason: "cannot tell what kind of file \(path) shall be; end its name in .wav, .flac or .ogg")
        }
        guard let file = sf_open(path.string, Int32(SFM_WRITE), &info) else {
            throw SinkFailure(reason: "cannot write \(path): \(SoundFileProblem.reason(nil))")
        }
        // What is too loud for integers is cut off, not wrapped around.
        sf_command(file, Int32(SFC_SET_CLIPPING), nil, Int32(SF_TRUE))
        self.file = file
    }

    deinit { close() }

    /// Interleaved frames.
    public func write(_ frames: [Float]) throws(SinkFailure) {
        let count = frames.count / channels
        let written = frames.withUnsafeBufferPointer { sf_writef_float(file, $0.baseAddress, sf_count_t(count)) }
        guard written == sf_count_t(count) else {
            throw SinkFailure(reason: "cannot write \(path): \(SoundFileProblem.reason(file))")
        }
    }

    public func close() {
        if let file { sf_close(file) }
        file = nil
    }
}

/// Reads any file that libsndfile knows.
public final class SoundFileReader {
    private let file: OpaquePointer
    /// Hz.
    public let rate: UInt32
    public let channels: Int
    public let frames: Int

    /// Throws `SinkFailure`.
    public init(_ path: FilePath) throws(SinkFailure) {
        var info = SF_INFO()
        guard let file = sf_open(path.string, Int32(SFM_READ), &info) else {
            throw SinkFailure(reason: "cannot read \(path): \(SoundFileProblem.reason(nil))")
        }
        guard info.samplerate > 0, (1...8).contains(info.channels) else {
            sf_close(file)
            throw SinkFailure(reason: "cannot play \(path): it has \(info.channels) channels")
        }
        self.file = file
        rate = UInt32(info.samplerate)
        channels = Int(info.channels)
        frames = Int(info.frames)
    }

    deinit { sf_close(file) }

    /// Up to `count` interleaved frames into `target`; how many there were.
    public func read(into target: UnsafeMutablePointer<Float>, count: Int) -> Int {
        Int(max(0, sf_readf_float(file, target, sf_count_t(count))))
    }
}
