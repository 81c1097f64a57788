import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct RandRTests {
        /// `xrandr`'s "current W x H".
        private func size(_ server: XServer) throws -> String {
            let said = try XProgram.run(["xrandr"], on: server)
            let words = said.split(separator: "\n").first?.split(separator: ",") ?? []
            return words.first { $0.contains("current") }.map { $0.filter { $0.isNumber || $0 == "x" } } ?? said
        }

        /// Every size, odd and large ones too: the screen is what was asked for, and what is drawn there is there.
        @Test(arguments: [
            (1, 1), (2, 3), (17, 1), (1, 16384), (16384, 1), (641, 479), (1366, 768), (1921, 1081), (3840, 2160),
            (8191, 4097),
        ])
        func aViewersSizeIsTheScreens(wanted: (Int, Int)) throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            try peer.attach()
            #expect(try peer.layout([(0, 0, wanted.0, wanted.1)]) == nil)
            let screen = try peer.screen()
            #expect((Int(screen.width), Int(screen.height)) == wanted)
            #expect(screen.output_count == 1)
            #expect(try size(server) == "\(wanted.0)x\(wanted.1)")
            _ = try XProgram.run(["xsetroot", "-solid", "#12ab9f"], on: server)
            try waitUntil("the whole screen has the colour") { try peer.pixels().allSatisfy { $0 == 0x12ab9f } }
        }

        @Test func theWholeOfXsCoordinatesCanBeHad() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            try peer.attach()
            #expect(try peer.layout([(0, 0, 16384, 16384)]) == nil)
            #expect(try size(server) == "16384x16384")
            // What is no longer shown takes no memory, once nobody can be looking at it any more.
            #expect(try peer.layout([(0, 0, 640, 480)]) == nil)
            try waitUntil("the memory is given back") {
                peer.beat()
                return peer.allocatedBytes < 4 << 20
            }
        }

        @Test func severalOutputsAreMonitorsToPrograms() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            try peer.attach()
            #expect(try peer.layout([(0, 0, 801, 603), (801, 0, 640, 480), (100, 603, 1024, 768)]) == nil)
            let said = try XProgram.run(["xrandr", "--listactivemonitors"], on: server)
            for monitor in ["801/201x603/151+0+0", "640/161x480/121+801+0", "1024/257x768/193+100+603"] {
                #expect(said.contains(monitor), "\(said)")
            }
            let screen = try peer.screen()
            #expect((screen.width, screen.height, screen.output_count) == (1441, 1371, 3))
            #expect(screen.outputs.0.flags == DISPLAY_OUTPUT_PRIMARY)
            #expect((screen.outputs.2.x, screen.outputs.2.y, screen.outputs.2.width) == (100, 603, 1024))
            // As many as there may be, and then fewer again.
            #expect(try peer.layout((0..<8).map { ($0 * 320, 0, 320, 200) }) == nil)
            #expect(try peer.screen().output_count == 8)
            #expect(try peer.layout([(0, 0, 800, 600)]) == nil)
            #expect(try peer.screen().output_count == 1)
            #expect(try XProgram.run(["xrandr", "--listactivemonitors"], on: server).hasPrefix("Monitors: 1\n"))
        }

        @Test func programsInThePodSetModesToo() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let before = try peer.screen().serial
            _ = try XProgram.run(["xrandr", "--output", "MediaPod-1", "--mode", "1920x1080"], on: server)
            let screen = try peer.screen()
            #expect((screen.width, screen.height) == (1920, 1080))
            #expect(screen.serial != before)
            _ = try XProgram.run(["xrandr", "--fb", "2000x1500"], on: server)
            let larger = try peer.screen()
            #expect((larger.width, larger.height, larger.outputs.0.width) == (2000, 1500, 1920))
        }

        @Test func whatIsOnTheScreenStaysThroughAResize() throws {
            let server = try XServer(width: 800, height: 600)
            let peer = try DisplayPeer(server)
            try peer.attach()
            let program = try XProgram(["draw", "7", "50"], on: server)
            _ = try program.line()
            for wanted in [(900, 700), (500, 333), (1200, 800), (800, 600)] {
                #expect(try peer.layout([(0, 0, wanted.0, wanted.1)]) == nil)
                // The program redraws nothing but windows' backgrounds; the frame buffer and what the server says agree.
                let said = try program.step()
                #expect(try DisplayPeer.hash(peer.pixels()) == said)
            }
        }

        @Test func whatCannotBeIsRefusedAndNothingChanges() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            try peer.attach()
            let before = try peer.screen().serial
            for wanted in [
                [], [(0, 0, 0, 0)], [(0, 0, 16385, 1)], [(0, 0, 1, 16385)], [(-1, 0, 10, 10)], [(16384, 0, 1, 1)],
                [(16383, 0, 2, 1)], [(0, 0, 640, 480), (1 << 30, 0, 640, 480)], [(0, Int(Int32.max), 1, 1)],
            ] as [[(Int, Int, Int, Int)]] { #expect(try peer.layout(wanted) == .invalidArgument, "\(wanted)") }
            #expect(try peer.screen().serial == before)
            #expect(try size(server) == "640x480")
        }

        /// A full tmpfs refuses a size; nothing is killed by a page that cannot be had.
        @Test func aScreenThatHasNoRoomIsRefused() throws {
            let folder = try LabFolder("mediapod-small")
            try Mounts.tmpfs(at: folder.path, options: "size=24m,mode=1777")
            defer { umount2(folder.path.string, Int32(MNT_DETACH)) }
            let server = try XServer(object: folder.appending("object"))
            let peer = try DisplayPeer(server)
            try peer.attach()
            #expect(try peer.layout([(0, 0, 4096, 4096)]) == .noMemory)
            #expect(try size(server) == "640x480")
            #expect(try peer.layout([(0, 0, 1024, 768)]) == nil)
            let program = try XProgram(["draw", "7", "50"], on: server)
            #expect(try program.line() == DisplayPeer.hash(peer.pixels()))
            // Nor is a video frame that has none a reason to die.
            let video = try XProgram(["video"], on: server)
            _ = try video.line()
            let filler = open(folder.appending("filler").string, O_RDWR | O_CREAT, 0o600)
            _ = ftruncate(filler, 0)
            var size = off_t(24 << 20)
            while size > 4096, posix_fallocate(filler, 0, size) != 0 { size = size * 9 / 10 }
            close(filler)
            _ = try? video.step("put 0 I420 1280 720 1 0 0 100 100")
            #expect(try program.step() == DisplayPeer.hash(peer.pixels()))
            #expect(!server.hasEnded)
        }
    }
}
