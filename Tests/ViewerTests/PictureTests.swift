import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct PictureTests {
        @Test func theHostShowsThePodsPixels() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let viewer = try ViewerProcess(pod.object, on: host)
            for seed in 2...6 {
                try viewer.waitUntilShown { try pod.picture() }
                try probe.paint(seed, 50)
            }
            try viewer.waitUntilShown { try pod.picture() }
            #expect(Set(try pod.picture().pixels).count > 1000)
            #expect(viewer.end() == .exited(0))
            #expect(viewer.said == "")
        }

        @Test(arguments: [2, 3]) func wholeFactorsKeepEveryPixelASquare(factor: Int) throws {
            let pod = try XServer(.driver(), width: 320, height: 240)
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let probe = try Probe(on: pod)
            let viewer = try ViewerProcess(pod.object, on: host, ["--no-bar", "--scaling", "integer"])
            let window = try viewer.windows().whole
            // More than the factor, less than the next: borders.
            let (width, height) = (320 * factor + 11, 240 * factor + 20)
            try host.run(["xdotool", "windowsize", "--sync", window, "\(width)", "\(height)"])
            for seed in 1...4 {
                try probe.paint(seed, 80)
                try viewer.waitUntilShown {
                    let larger = try pod.picture().enlarged(by: factor)
                    var pixels = [UInt32](repeating: 0, count: width * height)
                    for y in 0..<larger.height {
                        for x in 0..<larger.width { pixels[(y + 10) * width + x + 5] = larger[x, y] }
                    }
                    return Picture(width: width, height: height, pixels: pixels)
                }
            }
        }

        @Test func smoothScalingKeepsProportionsAndColours() throws {
            let pod = try XServer(.driver(), width: 400, height: 300)
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let probe = try Probe(on: pod)
            try probe.say("rect 0 0 400 300 3366cc")
            try probe.expect("painted")
            let viewer = try ViewerProcess(pod.object, on: host, ["--no-bar", "--scaling", "smooth"])
            let (whole, view) = try viewer.windows()
            try host.run(["xdotool", "windowsize", "--sync", whole, "700", "450"])
            try waitUntil("the picture is 600x450 in the middle") {
                let picture = try host.picture(of: view)
                guard picture.width == 700, picture.height == 450 else { return false }
                return picture.cropped(x: 50, y: 0, width: 600, height: 450).pixels.allSatisfy { $0 == 0x3366cc }
                    && picture.cropped(x: 0, y: 0, width: 50, height: 450).pixels.allSatisfy { $0 == 0 }
                    && picture.cropped(x: 650, y: 0, width: 50, height: 450).pixels.allSatisfy { $0 == 0 }
            }
            // A part that changes: edges are mixed, the inside is not.
            try probe.say("rect 100 100 100 100 ffffff")
            try probe.expect("painted")
            try waitUntil("the part is shown") {
                let picture = try host.picture(of: view)
                return picture.cropped(x: 50 + 152, y: 152, width: 146, height: 146).pixels
                    .allSatisfy { $0 == 0xffffff }
                    && picture.cropped(x: 50, y: 0, width: 146, height: 450).pixels.allSatisfy { $0 == 0x3366cc }
            }
        }

        @Test func thePodsScreenFollowsTheWindow() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let viewer = try ViewerProcess(pod.object, on: host)
            let window = try viewer.windows().whole
            for (width, height) in [(801, 603), (333, 777), (1280, 1024)] {
                try host.run(["xdotool", "windowsize", "--sync", window, "\(width)", "\(height)"])
                try waitUntil("the pod's screen is \(width)x\(height)") {
                    let picture = try pod.picture()
                    return picture.width == width && picture.height == height
                }
                let probe = try Probe(on: pod)
                try probe.paint(width, 100)
                try viewer.waitUntilShown { try pod.picture() }
            }
        }

        @Test func nothingIsCopiedButWhatChanged() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 800, height: 600)
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let viewer = try ViewerProcess(pod.object, on: host)
            try viewer.waitUntilShown { try pod.picture() }
            // Somebody paints over what the viewer drew: it would come back if it were drawn again.
            let view = try viewer.windows().view
            try host.run([try program("scribble"), view, "300", "200", "50", "40", "ff00ff"])
            for n in 0..<20 {
                try probe.say("rect \(n * 10) \(n * 7) 40 30 \(String(n * 1000 + 77, radix: 16))")
                try probe.expect("painted")
            }
            try waitUntil("the last rectangle is shown") { try host.picture(of: view)[190 + 39, 133 + 29] == 19077 }
            let shown = try host.picture(of: view)
            #expect(shown.cropped(x: 300, y: 200, width: 50, height: 40).pixels.allSatisfy { $0 == 0xff00ff })
            let wanted = try pod.picture()
            #expect(shown.differences(from: wanted) == 50 * 40)
        }

        @Test func severalViewersShowOnePod() throws {
            let pod = try XServer(.driver(), width: 500, height: 400)
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let other = try XServer(.xvfb, width: 1280, height: 1024)
            let probe = try Probe(on: pod)
            let viewers = [try ViewerProcess(pod.object, on: host), try ViewerProcess(pod.object, on: other)]
            for seed in 1...3 {
                try probe.paint(seed)
                for viewer in viewers { try viewer.waitUntilShown { try pod.picture() } }
            }
        }

        @Test func aScreenshotIsTheFrameBuffer() throws {
            let pod = try XServer(.driver(), width: 517, height: 389)
            let probe = try Probe(on: pod)
            let folder = try LabFolder("mediapod-screenshot")
            let file = folder.appending("screen.png")
            for seed in 1...3 {
                try probe.paint(seed)
                // Neither DISPLAY nor anything else.
                _ = try Pipeline.output(
                    of: Command(
                        ViewerProcess.program, ["screenshot", "--object", pod.object.string, file.string],
                        environment: ["PATH=/usr/bin:/bin"]))
                #expect(try Picture(png: file) == pod.picture())
            }
            #expect(try Files.list(folder.path) == ["screen.png"])
        }

        @Test func aKilledViewerLeavesNothingAndTheNextShowsTheSame() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 800, height: 600)
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let wanted = try pod.picture()
            let before = (try Self.descriptors(pod), try Self.descriptors(host), try Self.segments())
            var memory: [Int] = []
            for count in 1...100 {
                let viewer = try ViewerProcess(pod.object, on: host)
                try viewer.waitUntilShown { wanted }
                viewer.process.kill()
                viewer.process.wait()
                if count == 20 || count == 100 { memory.append(try Self.memory(pod) + Self.memory(host)) }
            }
            // What a viewer makes of the host's server is megabytes: one that stayed would be seen.
            #expect(memory[1] - memory[0] < 2_000_000, "\(memory)")
            try waitUntil("the driver has taken all places back") { try ObjectMemory(pod.object).owners == 0 }
            try waitUntil("the servers have closed what they had") {
                try Self.descriptors(pod) == before.0 && Self.descriptors(host) == before.1
            }
            #expect(try Self.segments() == before.2)
            // Those that end in good order give their place back themselves.
            let viewer = try ViewerProcess(pod.object, on: host)
            try viewer.waitUntilShown { wanted }
            #expect(try ObjectMemory(pod.object).owners == 1)
            #expect(viewer.end() == .exited(0))
            #expect(try ObjectMemory(pod.object).owners == 0)
        }

        private static func descriptors(_ server: XServer) throws -> Int {
            try Files.list(FilePath("/proc/\(server.process.pid)/fd")).count
        }

        /// Bytes that are a server's own.
        private static func memory(_ server: XServer) throws -> Int {
            let lines = text(of: FilePath("/proc/\(server.process.pid)/status")).split(separator: "\n")
            let own = lines.first { $0.hasPrefix("RssAnon:") }.flatMap { Int($0.filter(\.isNumber)) }
            guard let own else { throw Failure("the server", "says nothing of its memory") }
            return own * 1024
        }

        private static func segments() throws -> String {
            String(decoding: try Pipeline.output(of: Command("ipcs", ["-m", "-q", "-s"])), as: UTF8.self)
        }
    }
}
