import LinuxSystem
import SoundLab
import SystemPackage

/// The programs that stand for libraries: ordinary clients of each, compiled once for this process.
enum CompiledPrograms {
    /// Their sources, and the configuration files of others.
    static let sources = LabBroker.repository.appending("Tests/SoundProgramTests/Programs")

    private static let packages = [
        "play_sdl2.c": "sdl2", "play_openal.c": "openal", "play_portaudio.c": "portaudio-2.0", "play_jack.c": "jack",
        "play_chmap.c": "alsa", "play_rtaudio.cpp": "rtaudio",
    ]

    private static let folder: Result<FilePath, any Error> = Result {
        // Among what is built: made anew each time.
        let folder = LabBroker.repository.appending("build/lab/programs/bin")
        try Files.makeFolders(folder, permissions: .init(rawValue: 0o755))
        for (source, package) in packages {
            let file = FilePath(source)
            let isC = file.extension == "c"
            let flags = String(
                decoding: try Pipeline.output(of: Command("pkg-config", ["--cflags", "--libs", package])), as: UTF8.self
            )
            _ = try Pipeline.output(
                of: Command(
                    isC ? "gcc" : "g++",
                    (isC ? ["-std=gnu11"] : []) + ["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"] + [
                        "-o", folder.appending(file.stem ?? source).string, sources.appending(source).string,
                    ] + flags.split(whereSeparator: \.isWhitespace).map(String.init)))
        }
        return folder
    }

    static func path(_ name: String) throws -> String { try folder.get().appending(name).string }
}
