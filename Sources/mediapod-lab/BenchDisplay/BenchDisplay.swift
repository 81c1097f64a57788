internal import ArgumentParser
internal import CLI
internal import DisplayLab
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// `make bench-display`: a film, keys and a window's first picture, from the X server of a pod to that of a host, beside
/// TigerVNC, xpra and one server alone. The servers are real, and ours has our driver; what a display adds to a dump is
/// measured in a real pod.
struct BenchDisplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-display", abstract: "Measure the display beside TigerVNC, xpra and a bare Xvfb.")

    enum Part: String, CaseIterable, ExpressibleByArgument {
        /// Of a film's frames those that are seen.
        case frames
        /// Processor time of films at 25 frames a second.
        case cpu
        /// Processor time when nothing happens.
        case idle
        /// From a key to the pixel that it changes.
        case keys
        /// From a viewer's start to its first picture.
        case attach
        /// What a screen adds to a dump.
        case dump
    }

    @Option(help: "Rounds; each goes every way once.")
    var rounds = 3

    @Option(help: "How long each film is, s.")
    var seconds = 10

    @Option(help: "Only this part: \(Part.allCases.map(\.rawValue).joined(separator: ", ")).")
    var part: [Part] = []

    func run() throws {
        let folder = try LabFolder("mediapod-bench")
        let films = Films(folder: folder.path)
        var figures: [BenchFigure] = []
        for part in part.isEmpty ? Part.allCases : part {
            switch part {
            case .frames:
                figures += try frames(films, width: 1280, height: 720, rate: 60)
                figures += try frames(films, width: 1920, height: 1080, rate: 30)
            case .cpu:
                figures += try processorTime(films, of: .pattern)
                figures += try processorTime(films, of: .noise)
            case .idle: figures += try idling(films)
            case .keys: figures += try keys()
            case .attach: figures += try attach()
            case .dump: figures += try DisplayDump(rounds: rounds, folder: folder).measure()
            }
        }
        try BenchReport(benchmark: "display", rounds: rounds, figures: figures).publish()
    }

    private func say(_ text: String) { print("bench-display: \(text)") }

    // MARK: Films

    /// A second of film at 25 frames a second, made once for a size, in RGB as in YUV.
    struct Films {
        let folder: FilePath

        enum Kind: String {
            /// ffmpeg's moving test pattern, most of which stays as it was from frame to frame.
            case pattern
            /// The same with noise all over, as a camera's picture has it.
            case noise

            fileprivate var source: String { self == .pattern ? "" : ",noise=alls=30:allf=t" }
        }

        func film(_ kind: Kind, width: Int, height: Int) throws -> FilePath {
            let file = folder.appending("\(kind)-\(width)x\(height)")
            if !Files.isRegularFile(file) {
                let source = "testsrc2=size=\(width)x\(height):rate=25:duration=1\(kind.source)"
                _ = try Pipeline.output(
                    of: Command(
                        "ffmpeg",
                        [
                            "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-y",
                            file.string,
                        ]))
            }
            return file
        }

        /// How much of the luminance is another from one frame to the next, in the middle, per cent.
        func changes(_ kind: Kind, width: Int, height: Int) throws -> Int {
            let film = try [UInt8](Data(contentsOf: URL(filePath: film(kind, width: width, height: height).string)))
            let pixels = width * height
            let frames = film.count / (pixels * 3 / 2)
            let (first, second) = (frames / 2 * (pixels * 3 / 2), (frames / 2 + 1) * (pixels * 3 / 2))
            let changed = (0..<pixels).count { film[first + $0] != film[second + $0] }
            return (changed * 100 + pixels / 2) / pixels
        }
    }

    /// Plays a film there while `body` looks on.
    private func play<Value>(
        _ film: FilePath, on path: DisplayPath, rate: Int, asVideo: Bool, _ body: () throws -> Value
    ) throws -> Value {
        let (width, height) = path.size
        let output = film.removingLastComponent().appending("film.out")
        let player = try path.startLoad(
            [
                "film", asVideo ? "xv" : "rgb", "\(width)", "\(height)", "\(rate)", "\(seconds)",
                film.string,
            ], path.programs, output: output)
        defer { player.kill() }
        try waitUntil("the film begins", seconds: 60) { text(of: output).contains("begins") || player.hasEnded }
        let value = try body()
        guard player.wait(milliseconds: Int32(seconds * 1000 + 30_000)), player.wait().isSuccess else {
            throw Failure("the film", text(of: FilePath(output.string + ".err")))
        }
        return value
    }

    private func frames(_ films: Films, width: Int, height: Int, rate: Int) throws -> [BenchFigure] {
        let film = try films.film(.pattern, width: width, height: height)
        var seen: [DisplayPath.Kind: [Double]] = [:]
        for round in 1...rounds {
            for kind in DisplayPath.Kind.allCases {
                say("\(width)x\(height) at \(rate), round \(round) of \(rounds): \(kind.rawValue)")
                let path = try DisplayPath(kind, width: width, height: height)
                let count = try play(film, on: path, rate: rate, asVideo: kind == .oursToVideo) {
                    let watch =
                        kind == .oursToVideo
                        ? ["watch-video", path.hostObject.string, "\(seconds + 1)"]
                        : ["watch", "\(width)", "\(seconds + 1)"]
                    return try path.run([DisplayPath.load] + watch, path.watchers)
                }
                seen[kind, default: []].append(Double(count.filter(\.isNumber)) ?? 0)
            }
        }
        let bare = seen[.bare] ?? []
        return DisplayPath.Kind.allCases.filter { $0 != .bare }.map { kind in
            var figure = BenchFigure(
                "\(width)x\(height) at \(rate), frames seen in \(seconds) s: \(kind.rawValue)", unit: "frames",
                ours: seen[kind] ?? [], peer: bare, peerName: "a bare Xvfb", goal: nil)
            if kind.isOurs { (figure.goal, figure.met, figure.isLeast) = (0.98, figure.ratio >= 0.98, true) }
            return figure
        }
    }

    // MARK: Processor time

    private func processorTime(_ films: Films, of film: Films.Kind) throws -> [BenchFigure] {
        let (width, height) = (1280, 720)
        let file = try films.film(film, width: width, height: height)
        let what = "\(width)x\(height) at 25, \(try films.changes(film, width: width, height: height)) % changes"
        var used: [DisplayPath.Kind: [Double]] = [:]
        for round in 1...rounds {
            for kind in DisplayPath.Kind.allCases {
                say("\(what), processor time, round \(round) of \(rounds): \(kind.rawValue)")
                let path = try DisplayPath(kind, width: width, height: height)
                let time = try play(file, on: path, rate: 25, asVideo: kind == .oursToVideo) {
                    usleep(500_000)
                    let before = path.processorTime
                    usleep(UInt32(seconds - 2) * 1_000_000)
                    return Double(path.processorTime - before) / 1e6 / Double(seconds - 2)
                }
                used[kind, default: []].append(time)
            }
        }
        func figure(_ kind: DisplayPath.Kind, beside peer: DisplayPath.Kind, goal: Double?) -> BenchFigure {
            BenchFigure(
                "\(what), CPU of server, viewer and host's server: \(kind.rawValue)", unit: "ms per s",
                ours: used[kind] ?? [], peer: used[peer] ?? [], peerName: peer.rawValue, goal: goal)
        }
        return [
            figure(.oursToVideo, beside: .tigerVNC, goal: 0.1), figure(.ours, beside: .tigerVNC, goal: 0.125),
            figure(.oursToVideo, beside: .xpra, goal: nil), figure(.ours, beside: .xpra, goal: nil),
            // The pod's server and the host's each have to put every frame where they keep their screen.
            BenchFigure(
                "\(what), CPU of server, viewer and host's server: \(DisplayPath.Kind.ours.rawValue)",
                unit: "ms per s", ours: used[.ours] ?? [], peer: (used[.bare] ?? []).map { 2 * $0 },
                peerName: "two bare Xvfbs, without a viewer", goal: nil),
        ]
    }

    /// After a film, which is what leaves timers and unread damage behind.
    private func idling(_ films: Films) throws -> [BenchFigure] {
        let film = try films.film(.pattern, width: 1280, height: 720)
        var idle: [Double] = []
        for round in 1...rounds {
            say("idling, round \(round) of \(rounds)")
            let path = try DisplayPath(.ours, width: 1280, height: 720)
            try play(film, on: path, rate: 25, asVideo: false) {}
            usleep(3_000_000)
            let before = path.processorTime
            usleep(20_000_000)
            idle.append(Double(path.processorTime - before) / 1e9)
        }
        return [
            BenchFigure(
                "CPU of all three in 20 s of idling", unit: "s", ours: idle, peer: idle.map { _ in 0.005 },
                peerName: "what is written as 0.01", goal: 1)
        ]
    }

    // MARK: Keys

    private func keys() throws -> [BenchFigure] {
        var times: [DisplayPath.Kind: [Double]] = [:]
        for round in 1...rounds {
            for kind in DisplayPath.Kind.typed {
                say("keys, round \(round) of \(rounds): \(kind.rawValue)")
                let path = try DisplayPath(kind, width: 1280, height: 720)
                let output = FilePath("/tmp/mediapod-keys-\(getpid())")
                defer { unlink(output.string) }
                let painter = try path.startLoad(["keys"], path.programs, output: output)
                defer { painter.kill() }
                try waitUntil("the square is there") { text(of: output).contains("ready") }
                try path.focus()
                let lines = try path.run([DisplayPath.load, "press", "100"], path.watchers)
                times[kind, default: []].append(lines.split(separator: "\n").compactMap { Double($0) }.median)
            }
        }
        let bare = times[.bare] ?? []
        return DisplayPath.Kind.typed.filter { $0 != .bare }.map { kind in
            let over = zip(times[kind] ?? [], bare).map { $0 - $1 }
            return BenchFigure(
                "key to pixel, median of 100, beyond a bare Xvfb's \(bare.median.rounded(to: 2)) ms: \(kind.rawValue)",
                unit: "ms", ours: over, peer: over.map { _ in 2 }, peerName: "two milliseconds",
                goal: kind.isOurs ? 1 : nil)
        }
    }

    // MARK: Attaching

    private func attach() throws -> [BenchFigure] {
        let path = try DisplayPath(.ours, width: 1280, height: 720)
        var times: [Double] = []
        for count in 1...20 {
            say("attach, \(count) of 20")
            path.detach()
            let colour = String(0x101010 + count * 0x0a0b0c, radix: 16)
            let padded = String(repeating: "0", count: 6 - colour.count) + colour
            try path.run(["xsetroot", "-solid", "#\(padded)"], path.programs)
            let output = FilePath("/tmp/mediapod-attach-\(getpid())")
            defer { unlink(output.string) }
            let watcher = try path.startLoad(["colour", "640", "360", padded], path.watchers, output: output)
            usleep(200_000)
            let begin = MonotonicClock.nanoseconds
            try path.attach()
            guard watcher.wait().isSuccess, let end = UInt64(text(of: output).filter(\.isNumber)) else {
                throw Failure("the viewer", "shows nothing")
            }
            times.append(Double(end - begin) / 1e6)
        }
        return [
            BenchFigure(
                "attach to first picture", unit: "ms", ours: times, peer: times.map { _ in 100 },
                peerName: "a tenth of a second", goal: 1)
        ]
    }
}

extension Double {
    fileprivate func rounded(to decimals: Int) -> Double {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        return (self * scale).rounded() / scale
    }
}
