import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

/// What is written in C, watched by the compiler's sanitizers while real programs use it.
@Suite(.serialized) struct SanitizerTests {
    /// The plugins with a sanitizer, a broker, and how programs are run there.
    private final class Lab {
        let folder: LabFolder
        let broker: LabBroker
        private let sanitizers: String
        private var runs = 0

        init(_ sanitizers: String) throws {
            self.sanitizers = sanitizers
            folder = try LabFolder("mediapod-sanitizer")
            let plugins = folder.appending("plugins")
            let make = Command(
                "make",
                [
                    "-s", "-C", LabBroker.repository.appending("alsa-plugin").string, "SANITIZE=\(sanitizers)",
                    "OUT=\(plugins.string)",
                ])
            _ = try Pipeline.output(of: make)
            broker = try LabBroker(in: folder.appending("broker"), plugins: plugins)
            try broker.start(sink: "null", policy: .full)
        }

        /// A program from `Programs`, with the sanitizer itself.
        func compile(_ name: String, _ more: [String]) throws -> String {
            let program = folder.path.pushing(FilePath(name)).string
            let source = LabBroker.repository.pushing(FilePath("Tests/SoundBrokerTests/Programs/\(name).c"))
            let options = [
                "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-O1", "-g", "-fno-omit-frame-pointer",
                "-fsanitize=\(sanitizers)", "-fno-sanitize-recover=all",
            ]
            _ = try Pipeline.output(of: Command("cc", options + ["-o", program, source.string] + more))
            return program
        }

        /// Begins a program; `preloading` the sanitizer into one that was not built with it.
        func start(_ command: [String], preloading: Bool = false) throws -> (process: ChildProcess, log: FilePath) {
            runs += 1
            let log = folder.path.pushing(FilePath("log-\(runs)"))
            var environment = broker.environment + ["UBSAN_OPTIONS=print_stacktrace=1"]
            if preloading {
                let libraries = try ["libasan.so", "libubsan.so"].map { name in
                    let path = try Pipeline.output(of: Command("gcc", ["-print-file-name=\(name)"]))
                    return String(decoding: path, as: UTF8.self).filter { !$0.isWhitespace }
                }
                environment.append("LD_PRELOAD=\(libraries.joined(separator: " "))")
            }
            // The thread sanitizer of GCC 12 does not know how far newer kernels scatter a program's memory.
            let fixed = sanitizers == "thread" ? ["setarch", "-R"] + command : command
            let process = try ChildProcess(
                Command(fixed[0], Array(fixed.dropFirst()), environment: environment), writingTo: log)
            return (process, log)
        }

        /// Runs it to its end, which must be a good one.
        func run(_ command: [String], preloading: Bool = false) throws {
            let (process, log) = try start(command, preloading: preloading)
            expectClean(process, log)
        }

        func expectClean(_ process: ChildProcess, _ log: FilePath) {
            // Not for ever: a program that waits for what never comes is a finding, too.
            let ended = process.wait(milliseconds: 120_000)
            if !ended { process.kill() }
            let status = process.wait()
            let text = Self.text(log)
            #expect(ended && status.isSuccess, "\(process.command.arguments): \(text)")
            #expect(!text.contains("Sanitizer") && !text.contains("runtime error"), "\(text)")
        }

        static func text(_ log: FilePath) -> String {
            String(decoding: (try? Files.read(log, limit: 1 << 20)) ?? [], as: UTF8.self)
        }
    }

    private static let sanitizers = ["address,undefined", "thread"]
    /// SND_PCM_ACCESS_*, a format and channels: the four ways to move frames, and formats of every width.
    private static let ways = [
        ["3", "S16_LE", "2"], ["0", "FLOAT_LE", "2"], ["4", "S24_3LE", "1"], ["1", "S32_LE", "2"],
    ]

    @Test(arguments: sanitizers) func everyWayToPlayAndToRecordIsClean(sanitizers: String) throws {
        let lab = try Lab(sanitizers)
        let client = try lab.compile("alsa-client", ["-lasound"])
        for way in Self.ways {
            try lab.run([client, "play"] + way)
            try lab.run([client, "capture"] + way)
        }
        try lab.run([client, "mixer"])
        try lab.run([client, "fork"])
    }

    @Test(arguments: sanitizers) func losingTheBrokerAndFindingAnotherIsClean(sanitizers: String) throws {
        let lab = try Lab(sanitizers)
        let client = try lab.compile("alsa-client", ["-lasound"])
        var clients = try ["play", "capture"].flatMap { direction in
            try Self.ways.map { try lab.start([client, direction] + $0) }
        }
        clients.append(try lab.start([client, "fader"]))
        for round in 0..<8 {
            if round % 2 == 0 {
                lab.broker.kill()
                try lab.broker.start(sink: "null", policy: .full)
            } else {
                let records = try lab.broker.leave()
                try lab.broker.start(sink: "null", policy: .full, records: records)
            }
        }
        for (process, log) in clients { lab.expectClean(process, log) }
    }

    @Test func theProgramsThatPeopleUseAreClean() throws {
        let lab = try Lab("address,undefined")
        let sound = lab.folder.appending("sound.raw")
        try Files.write(sound, Frames.pack(Frames.noise(count: 24000)), permissions: .ownerReadWrite)
        let raw = ["-q", "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2"]
        for options in [["-D", "mediapod"], ["-D", "mediapod", "-M"], ["-D", "mediapod", "-N"], ["-r", "11025"]] {
            try lab.run(["aplay"] + raw + options + [sound.string], preloading: true)
        }
        let recording = lab.folder.appending("recording.raw").string
        for options in [["-D", "mediapod"], ["-D", "mediapod", "-M"], ["-c", "1"]] {
            try lab.run(["arecord", "-d", "1"] + raw + options + [recording], preloading: true)
        }
        try lab.run(["amixer", "-q", "-D", "mediapod", "sset", "Master", "50%", "mute"], preloading: true)
        try lab.run(["amixer", "-D", "mediapod", "contents"], preloading: true)
    }

    /// Without this, nobody would notice that nothing is watched.
    @Test func aMistakeWithinThePluginIsFound() throws {
        let lab = try Lab("address,undefined")
        let (process, log) = try lab.start([try lab.compile("alsa-client", ["-lasound"]), "overread"])
        #expect(!process.wait().isSuccess)
        let text = Lab.text(log)
        #expect(text.contains("heap-buffer-overflow") && text.contains("copy_frames"), "\(text)")
    }

    @Test func whatTakesDescriptorsFromAPodIsClean() throws {
        let lab = try Lab("address,undefined")
        let shims = LabBroker.repository.appending("Sources").appending("CLinux")
        let program = try lab.compile(
            "descriptors", ["-I\(shims.appending("include").string)", shims.appending("sockets.c").string])
        try lab.run([program])
    }
}
