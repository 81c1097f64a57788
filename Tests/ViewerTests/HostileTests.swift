import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct HostileTests {
        /// A copy of a server's object without the server: what it says is ours to say.
        private static func orphan(_ pod: XServer, in folder: LabFolder) throws -> FilePath {
            let path = FilePath("/dev/shm/\(folder.path.lastComponent?.string ?? "orphan")")
            _ = try Pipeline.output(of: Command("cp", ["--sparse=always", pod.object.string, path.string]))
            return path
        }

        /// With XVideo, too: the host is another server with our driver.
        @Test(arguments: [XServer.Kind.xvfb, .driver()]) func nonsenseInTheMemoryIsHarmless(_ kind: XServer.Kind)
            throws
        {
            let host = try XServer(kind, width: 1280, height: 1024)
            let folder = try LabFolder("mediapod-hostile")
            let object: FilePath
            do {
                let pod = try XServer(.driver(), width: 640, height: 480)
                try Probe(on: pod).paint(1)
                object = try Self.orphan(pod, in: folder)
            }
            defer { unlink(object.string) }
            let viewer = try ViewerProcess(object, on: host)
            _ = try viewer.windows()
            for seed in 1...8 {
                let hostile = Command(try program("hostile"), [object.string, "\(seed)", "3000"])
                _ = try Pipeline.output(of: hostile)
                try #require(!viewer.process.hasEnded, "seed \(seed): \(viewer.said)")
                try #require(!host.process.hasEnded, "seed \(seed)")
                _ = try? Pipeline.output(
                    of: Command(
                        ViewerProcess.program,
                        ["screenshot", "--object", object.string, folder.appending("s.png").string]))
            }
            #expect(viewer.end() == .exited(0))
        }

        /// A driver has none to show that has no room in the memory; a pod may say what it likes.
        @Test func aCursorOfTenThousandPixelsIsNotShown() throws {
            let host = try XServer(.xvfb, width: 800, height: 600)
            let pod = try XServer(.driver(), width: 640, height: 480)
            let folder = try LabFolder("mediapod-cursor")
            let object = try Self.orphan(pod, in: folder)
            defer { unlink(object.string) }
            let memory = try ObjectMemory(object)
            let viewer = try ViewerProcess(object, on: host)
            try host.run(["xdotool", "mousemove", "--window", viewer.windows().view, "50", "60"])
            func shown() throws -> Substring {
                try String(decoding: host.run([program("cursor")]), as: UTF8.self).prefix { $0 != "c" }
            }
            memory.setCursor(width: 20, height: 30)
            try waitUntil("a cursor is shown") { try shown() == "20 30 0 0 " }
            for (width, height) in [(10_000, 10_000), (10_000, 1), (1, 10_000), (257, 1)] as [(UInt32, UInt32)] {
                memory.setCursor(width: width, height: height)
                // Time enough for what must not happen.
                usleep(300_000)
                #expect(try shown() == "20 30 0 0 ")
            }
            memory.setCursor(width: 40, height: 50)
            try waitUntil("the next one is shown") { try shown() == "40 50 0 0 " }
            #expect(viewer.end() == .exited(0), "\(viewer.said)")
        }

        @Test func aMemoryThatIsCutIsHarmless() throws {
            let host = try XServer(.xvfb, width: 1280, height: 1024)
            let pod = try XServer(.driver(), width: 640, height: 480)
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let folder = try LabFolder("mediapod-cut")
            for length in [0, 4096, Int(DISPLAY_CURSOR_OFFSET), Int(DISPLAY_FRAME_OFFSET) + 4096] {
                let object = try Self.orphan(pod, in: folder)
                defer { unlink(object.string) }
                let viewer = try ViewerProcess(object, on: host)
                try viewer.waitUntilShown { try pod.picture() }
                #expect(truncate(object.string, off_t(length)) == 0)
                // It looks at its memory at least this often.
                for _ in 0..<5 {
                    usleep(200_000)
                    let ring = Command(try program("hostile"), [object.string, "1", "1"])
                    if length >= Int(DISPLAY_CONTROL_BYTES) { _ = try Pipeline.output(of: ring) }
                }
                #expect(!viewer.process.hasEnded, "\(viewer.said)")
                #expect(viewer.end() == .exited(0), "\(viewer.said)")
                #expect(!host.process.hasEnded)
            }
        }

        /// The host's server reads the pod's memory itself. When it finds that cut it goes on, and gets copies.
        @Test(arguments: [XServer.Kind.xvfb, .driver()]) func aServerThatFindsTheMemoryCutGoesOn(
            _ kind: XServer.Kind
        ) throws {
            let host = try XServer(kind, width: 1280, height: 1024)
            let pod = try XServer(.driver(), width: 640, height: 480)
            try Probe(on: pod).paint(1)
            let picture = try pod.picture()
            let folder = try LabFolder("mediapod-cut")
            let object = try Self.orphan(pod, in: folder)
            defer { unlink(object.string) }
            let memory = try ObjectMemory(object)
            let screen = try #require(memory.screen)
            let pixels = try memory.pixels(of: screen)

            let viewer = try ViewerProcess(object, on: host)
            try viewer.waitUntilShown { picture }
            let window = try viewer.windows().whole
            func isMapped() -> Bool { text(of: FilePath("/proc/\(host.process.pid)/maps")).contains(object.string) }
            /// Has the viewer show it, and the server read it.
            func expose() throws {
                try host.run(["xdotool", "windowunmap", "--sync", window, "windowmap", "--sync", window])
            }
            #expect(isMapped())
            #expect(truncate(object.string, off_t(screen.offset)) == 0)
            try waitUntil("the server finds it cut: \(host.log)") {
                try expose()
                return host.log.contains("truncated by client") || host.process.hasEnded
            }
            #expect(truncate(object.string, off_t(DISPLAY_OBJECT_BYTES)) == 0)
            try memory.setPixels(pixels, of: screen)
            try expose()
            try viewer.waitUntilShown { picture }
            #expect(!isMapped())
            #expect(!host.process.hasEnded)
            #expect(viewer.end() == .exited(0), "\(viewer.said)")
        }

        /// As for the screen, for a frame that the host's XVideo reads itself: another server with our driver.
        @Test func aServerThatFindsAFrameCutGoesOn() throws {
            let host = try XServer(.driver(), width: 1280, height: 1024)
            let pod = try XServer(.driver(), width: 640, height: 480)
            let video = try Lines([program("video"), "I420", "320", "240", "40", "30", "400", "300"], on: pod)
            #expect(video.line() == "ready")
            try video.say("1")
            #expect(video.line() == "shown")
            let folder = try LabFolder("mediapod-cut")
            let object = try Self.orphan(pod, in: folder)
            defer { unlink(object.string) }

            let viewer = try ViewerProcess(object, on: host)
            let window = try viewer.windows().whole
            func shown() throws -> UInt64 { try ObjectMemory(host.object).frame?.frame ?? 0 }
            func isMapped() -> Bool { text(of: FilePath("/proc/\(host.process.pid)/maps")).contains(object.string) }
            /// Has the viewer show it again, and the server read it.
            func expose() throws {
                try host.run(["xdotool", "windowunmap", "--sync", window, "windowmap", "--sync", window])
            }
            try waitUntil("the frame is shown") { try shown() > 0 }
            #expect(isMapped())
            #expect(truncate(object.string, off_t(DISPLAY_VIDEO_OFFSET)) == 0)
            try waitUntil("the server finds it cut: \(host.log)") {
                try expose()
                return host.log.contains("truncated by client") || host.process.hasEnded
            }
            try waitUntil("the server has let go of it") { !isMapped() || host.process.hasEnded }
            #expect(truncate(object.string, off_t(DISPLAY_OBJECT_BYTES)) == 0)
            // From now on copies.
            let before = try shown()
            try waitUntil("a copy is shown") {
                try expose()
                return try shown() > before
            }
            #expect(!isMapped())
            #expect(!host.process.hasEnded)
            #expect(viewer.end() == .exited(0), "\(viewer.said)")
        }

        @Test func errorsAreOneLine() throws {
            let folder = try LabFolder("mediapod-errors")
            let host = try XServer(.xvfb, width: 640, height: 480)
            let pod = try XServer(.driver(), width: 640, height: 480)
            func message(_ object: FilePath, _ environment: [String]) throws -> String {
                let viewer = try ViewerProcess(object, on: host, environment: environment)
                #expect(viewer.process.wait() == .exited(1))
                let said = viewer.said
                #expect(said.hasSuffix("\n") && said.filter { $0 == "\n" }.count == 1, "\(said)")
                return said
            }
            let plain = ["PATH=/usr/bin:/bin"]
            #expect(try message(pod.object, plain).contains("DISPLAY is not set"))
            #expect(try message(pod.object, plain + ["DISPLAY=:1234"]).contains("the X server :1234"))
            #expect(try message(folder.appending("none"), host.environment).contains("no such file"))
            let other = try Self.orphan(pod, in: folder)
            defer { unlink(other.string) }
            var version = DISPLAY_ABI_VERSION + 1
            let file = open(other.string, O_RDWR | O_CLOEXEC)
            #expect(pwrite(file, &version, 4, 4) == 4)
            close(file)
            #expect(try message(other, host.environment).contains("speaks version 2"))
            let text = folder.appending("text")
            try Files.write(text, Array("no display".utf8), permissions: .ownerReadWrite)
            #expect(try message(text, host.environment).contains("is not a display"))
        }

        @Test func aHostsServerThatDiesEndsTheViewerOnly() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let before = try pod.picture()
            for signal in [SIGKILL, SIGTERM] {
                let host = try XServer(.xvfb, width: 800, height: 600)
                let viewer = try ViewerProcess(pod.object, on: host)
                try viewer.waitUntilShown { before }
                host.process.send(signal)
                #expect(viewer.process.wait() == .exited(1))
                #expect(viewer.said == "podview: the host's X server is gone; display runs on\n")
            }
            #expect(try pod.picture() == before)
        }
    }
}
