import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

extension SoundProgram {
    /// Every row, in the order of the README's table.
    ///
    /// Where a program throws frames away when its buffer ran dry, it is given an ordinary one of 0.2 s or more: this is
    /// about what becomes of frames, not about how punctual a busy machine is.
    static let all = players + libraries + servers

    private static let players = [
        SoundProgram("aplay", \.wave) { try $0.start("aplay", ["-q", "-D", "mediapod", $1]) },
        SoundProgram("aplay -M (mmap)", \.wave) { try $0.start("aplay", ["-q", "-M", "-D", "mediapod", $1]) },
        SoundProgram("aplay -m FL,FR (channel map)", \.wave) {
            try $0.start("aplay", ["-q", "-m", "FL,FR", "-D", "mediapod", $1])
        },
        SoundProgram("aplay -I (non-interleaved)", \.raw) { stage, _ in
            try stage.start(
                "aplay",
                ["-q", "-I", "-D", "mediapod", "-t", "raw", "-f", "S16_LE", "-r", "44100", "-c", "2"]
                    + stage.clips.channels.map(\.string))
        },
        SoundProgram("mpg123", \.mpeg) {
            try $0.start("mpg123", Clips.mpegOptions + ["-o", "alsa", "-a", "mediapod", $1])
        },
        SoundProgram("mpv", \.wave) {
            try $0.start(
                "mpv",
                [
                    "--no-config", "--really-quiet", "--ao=alsa", "--audio-device=alsa/mediapod", "--audio-format=s16",
                    $1,
                ])
        },
        SoundProgram("ffmpeg", \.wave) {
            try $0.start("ffmpeg", ["-nostdin", "-loglevel", "warning", "-i", $1, "-f", "alsa", "mediapod"])
        },
        SoundProgram("SoX", \.wave) { try $0.start("sox", ["-q", $1, "-t", "alsa", "mediapod"]) },
        SoundProgram("ogg123", \.vorbis) {
            try $0.start("ogg123", ["-q", "-d", "alsa", "-o", "dev:mediapod", "-o", "buffer_time:200", $1])
        },
        SoundProgram("GStreamer's alsasink", \.wave) {
            try $0.start(
                "gst-launch-1.0",
                ["-q", "filesrc", "location=\($1)", "!", "wavparse", "!", "alsasink", "device=mediapod"])
        },
        // The capture side is a file, at whatever speed it is asked for.
        SoundProgram("alsaloop (playback side)", \.endlessRaw, endsByItself: false) { stage, clip in
            let source = stage.folder.appending("source.conf")
            let text = """
                pcm.source { type file slave.pcm null file "/dev/null" infile "\(clip)" format raw }

                """
            try Files.write(source, Array(text.utf8), permissions: .ownerReadWrite)
            return try stage.start(
                "alsaloop",
                ["-C", "source", "-P", "mediapod", "-f", "S16_LE", "-r", "44100", "-t", "400000", "-S", "0", "-n"],
                ["ALSA_CONFIG_PATH=\(stage.configuration):\(source)"])
        },
    ]

    private static let libraries = [
        SoundProgram("snd_pcm_query_chmaps", \.raw) {
            try $0.start(CompiledPrograms.path("play_chmap"), ["mediapod", $1])
        },
        SoundProgram("SDL2", \.raw) {
            try $0.start(
                CompiledPrograms.path("play_sdl2"), [$1], ["SDL_AUDIODRIVER=alsa", "AUDIODEV=mediapod"])
        },
        SoundProgram("OpenAL", \.raw) {
            let configuration = CompiledPrograms.sources.appending("openal.conf")
            return try $0.start(CompiledPrograms.path("play_openal"), [$1], ["ALSOFT_CONF=\(configuration)"])
        },
        SoundProgram("PortAudio, callback", \.raw) {
            try $0.start(
                CompiledPrograms.path("play_portaudio"), ["callback", "mediapod", $1], ["JACK_NO_START_SERVER=1"])
        },
        SoundProgram("PortAudio, blocking", \.raw) {
            try $0.start(
                CompiledPrograms.path("play_portaudio"), ["blocking", "mediapod", $1], ["JACK_NO_START_SERVER=1"])
        },
        SoundProgram("RtAudio", \.raw) { try $0.start(CompiledPrograms.path("play_rtaudio"), [$1]) },
    ]

    private static let servers = [
        SoundProgram("PulseAudio's module-alsa-sink", \.wave) { try startPulseAudio($0, playing: $1, mmap: false) },
        SoundProgram("PulseAudio's module-alsa-sink, mmap", \.wave) {
            try startPulseAudio($0, playing: $1, mmap: true)
        },
        SoundProgram("PipeWire's ALSA node", \.paddedWave) { try startPipeWire($0, playing: $1) },
        SoundProgram("jackd", \.raw) { try startJack($0, playing: $1, device: ["-P", "-o", "2"]) },
        SoundProgram("jackd, capturing too", \.raw) {
            try startJack($0, playing: $1, device: ["-D", "-i", "2", "-o", "2"])
        },
    ]

    private static func startPulseAudio(_ stage: Stage, playing clip: String, mmap: Bool) throws -> ChildProcess {
        let home = stage.folder.appending("inner")
        try Files.makeFolders(home, permissions: .init(rawValue: 0o755))
        let server = "unix:\(home.appending("socket"))"
        let own = ["HOME=\(home)", "XDG_RUNTIME_DIR=\(home)"]
        _ = try stage.start(
            "pulseaudio",
            [
                "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-level=warn",
                "--high-priority=no", "-L",
                "module-native-protocol-unix socket=\(home.appending("socket")) auth-anonymous=1", "-L",
                "module-alsa-sink device=mediapod mmap=\(mmap ? 1 : 0) tsched=0 fragments=4 fragment_size=8192",
            ], own)
        try waitUntil("the inner PulseAudio answers") { try stage.run("pactl", ["--server=\(server)", "info"]) }
        return try stage.start("paplay", ["--server=\(server)", clip], own)
    }

    /// Without a session manager. The first link is passive, so that nothing plays before there is the second.
    private static func startPipeWire(_ stage: Stage, playing clip: String) throws -> ChildProcess {
        _ = try stage.start("pipewire", ["-c", CompiledPrograms.sources.appending("pipewire.conf").string])
        try waitUntil("PipeWire has its sink") { try stage.run("pw-cli", ["info", "mediapod"]) }
        let player = try stage.start(
            "pw-cat", ["--playback", "--target", "0", "-P", "{ adapter.auto-port-config = { mode = dsp } }", clip])
        try waitUntil("pw-cat is linked to it on the left") {
            try stage.run("pw-link", ["-L", "-P", "pw-cat:output_FL", "mediapod:playback_FL"])
        }
        guard try stage.run("pw-link", ["-L", "pw-cat:output_FR", "mediapod:playback_FR"]) else {
            throw Failure("link", "pw-cat to the sink on the right", "pw-link failed")
        }
        return player
    }

    private static func startJack(_ stage: Stage, playing clip: String, device: [String]) throws -> ChildProcess {
        // Its name is seen by the whole machine.
        let name = "mediapod-\(getpid())"
        let variables = ["JACK_NO_AUDIO_RESERVATION=1", "JACK_NO_START_SERVER=1", "JACK_DEFAULT_SERVER=\(name)"]
        // Synchronous, so that a cycle waits for its clients; the time limit is for a machine that is not real-time.
        _ = try stage.start(
            "jackd",
            [
                "-r", "-S", "-t", "5000", "-n", name, "-d", "alsa", "-d", "mediapod", "-S", "-r", "44100", "-p", "2048",
                "-n", "4",
            ] + device, variables)
        guard try stage.run("jack_wait", ["-w", "-t", "30", "-s", name], variables) else {
            throw Failure("start", "jackd", stage.log)
        }
        return try stage.start(CompiledPrograms.path("play_jack"), [name, clip], variables)
    }
}
