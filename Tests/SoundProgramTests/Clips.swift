import LinuxSystem
import SoundLab
import SystemPackage

/// What is played: a second and a half of noise in which every frame is unique, as the files that programs like.
struct Clips {
    struct Clip {
        let file: FilePath
        /// What is to be heard.
        let frames: [UInt32]
    }

    static let rate = 44100

    let raw: Clip
    let wave: Clip
    /// Half a second of silence before and after: for what is linked by hand, and throws away the end.
    let paddedWave: Clip
    /// Silence after it for longer than any test takes: for what never ends by itself.
    let endlessRaw: Clip
    /// A file for each channel.
    let channels: [FilePath]
    let vorbis: Clip
    let mpeg: Clip

    /// Made once for this process.
    static let all: Result<Clips, any Error> = Result { try Clips() }

    private init() throws {
        let folder = LabBroker.repository.appending("build/lab/programs")
        try? Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        let noise = Frames.noise(count: Self.rate * 3 / 2)
        let pause = [UInt32](repeating: 0, count: Self.rate / 2)

        func make(_ name: String, _ bytes: [UInt8]) throws -> Clip {
            let file = folder.appending(name)
            try Files.write(file, bytes, permissions: .ownerReadWrite)
            return Clip(file: file, frames: noise)
        }
        raw = try make("noise.raw", Frames.pack(noise))
        wave = try make("noise.wav", Self.wave(noise))
        paddedWave = try make("padded.wav", Self.wave(pause + noise + pause))
        endlessRaw = try make("endless.raw", Frames.pack(noise + [UInt32](repeating: 0, count: Self.rate * 120)))
        channels = try (0..<2).map { channel in
            try make(
                "channel\(channel).raw",
                noise.flatMap { frame in
                    let sample = frame >> (16 * UInt32(channel))
                    return [UInt8(sample & 0xff), UInt8(sample >> 8 & 0xff)]
                }
            ).file
        }

        // Of what loses in coding, the reference is what the same player decodes to a file.
        let vorbis = folder.appending("noise.ogg")
        let decoded = folder.appending("decoded.raw")
        try Self.run("oggenc", ["-Q", "-o", vorbis.string, wave.file.string])
        try Self.run("ogg123", ["-q", "-d", "raw", "-o", "byteorder:little", "-f", decoded.string, vorbis.string])
        self.vorbis = Clip(file: vorbis, frames: Frames.unpack(try Files.read(decoded, limit: 1 << 24)))

        let mpeg = LabBroker.repository.appending("testdata/music.mp3")
        try Self.run("mpg123", Self.mpegOptions + ["-e", "s16", "-O", decoded.string, mpeg.string])
        self.mpeg = Clip(file: mpeg, frames: Frames.unpack(try Files.read(decoded, limit: 1 << 24)))
    }

    /// MPEG frames of 1152 samples.
    static let mpegOptions = ["-q", "-n", "60"]

    private static func run(_ program: String, _ arguments: [String]) throws {
        _ = try Pipeline.output(of: Command(program, arguments))
    }

    /// A RIFF file of PCM, 16 bits, stereo.
    private static func wave(_ frames: [UInt32]) -> [UInt8] {
        func little(_ value: Int, _ bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> ($0 * 8) & 0xff) } }
        let data = Frames.pack(frames)
        let format = little(1, 2) + little(2, 2) + little(rate, 4) + little(rate * 4, 4) + little(4, 2) + little(16, 2)
        let chunks =
            Array("WAVEfmt ".utf8) + little(format.count, 4) + format + Array("data".utf8) + little(data.count, 4)
        return Array("RIFF".utf8) + little(chunks.count + data.count, 4) + chunks + data
    }
}
