import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    /// Viewers that write nonsense, and a driver that is watched by the compiler's sanitizers meanwhile.
    @Suite struct HostileTests {
        /// The driver with address and undefined-behaviour sanitizers, in a server that has them loaded.
        private func watchedServer() throws -> XServer {
            let folder = LabBroker.repository.appending("build/lab/display/sanitized")
            let source = LabBroker.repository.appending("display-driver").string
            _ = try Pipeline.output(
                of: Command("make", ["-s", "-C", source, "SANITIZE=address,undefined", "OUT=\(folder.string)"]))
            let libraries = try ["libasan.so", "libubsan.so"].map { name in
                let path = try Pipeline.output(of: Command("gcc", ["-print-file-name=\(name)"]))
                return String(decoding: path, as: UTF8.self).filter { !$0.isWhitespace }
            }
            return try XServer(
                .driver(modules: folder),
                environment: [
                    "LD_PRELOAD=\(libraries.joined(separator: " "))", "ASAN_OPTIONS=detect_leaks=0:handle_segv=1",
                    "UBSAN_OPTIONS=print_stacktrace=1",
                ])
        }

        private func expectClean(_ server: XServer, _ location: SourceLocation = #_sourceLocation) {
            let log = server.log
            #expect(!server.hasEnded, "\(log.suffix(2000))", sourceLocation: location)
            #expect(
                !log.contains("Sanitizer") && !log.contains("runtime error"), "\(log.suffix(4000))",
                sourceLocation: location)
        }

        @Test func whatTheOtherTestsDoIsCleanUnderSanitizers() throws {
            let server = try watchedServer()
            let peer = try DisplayPeer(server)
            try peer.attach()
            let programs = try [["draw", "5", "60", "all"], ["cursor"]].map { try XProgram($0, on: server) }
            for program in programs { _ = try program.line() }
            for step in 0..<10 {
                for program in programs { _ = try program.step() }
                #expect(try peer.layout((0...step % 3).map { ($0 * 300, 0, 200 + step * 31, 300 + step * 17) }) == nil)
            }
            for program in programs { program.kill() }
            let video = try XProgram(["video"], on: server)
            _ = try video.line()
            for format in ["I420", "YV12", "NV12", "YUY2"] {
                for size in ["2 2", "642 362", "33 35", "1920 1080"] {
                    for place in ["0 0 320 240", "-50 -50 1000 1000", "10 10 1 1", "0 0 99 99 -5 -5 2000 2000"] {
                        _ = try video.step("put 0 \(format) \(size) 3 \(place)")
                        peer.beat()
                    }
                }
                _ = try video.step("redirect")
                _ = try video.step("put 0 \(format) 33 35 3 -20 -20 777 555 -1 -1 36 38")
                _ = try video.step("unredirect")
            }
            video.kill()
            let present = try XProgram(["present", "5"], on: server)
            while try present.line() != "done" { peer.beat() }
            expectClean(server)
            server.stop()
            #expect(!server.log.contains("Sanitizer"), "\(server.log.suffix(4000))")
        }

        @Test(arguments: [1, 2, 3]) func viewersThatWriteNonsenseHarmNobody(seed: Int) throws {
            let server = try watchedServer()
            let peer = try DisplayPeer(server)
            let drawing = try XProgram(["draw", "\(seed)", "100000", "all"], on: server)
            let events = try XProgram(["events"], on: server)
            #expect(try events.line() == "ready")
            _ = try drawing.line()
            var random = Seeded(UInt64(seed))
            let deadline = MonotonicClock.nanoseconds + 15_000_000_000
            while MonotonicClock.nanoseconds < deadline, !server.hasEnded {
                for _ in 0..<Int.random(in: 1...20, using: &random) { nonsense(peer.object, &random) }
                display_ring(display_doorbell(peer.object))
                if Bool.random(using: &random) { usleep(UInt32.random(in: 0...3000, using: &random)) }
                if Int.random(in: 0..<20, using: &random) == 0 { _ = try drawing.step() }
                events.discardLines()
            }
            expectClean(server)
            // Everybody is thrown out, and an honest viewer finds a server that works.
            for slot in 0..<DISPLAY_VIEWERS {
                let owner = display_viewer_owner(display_viewer_at(peer.object, slot))!
                display_store(owner, 0)
            }
            peer.ring()
            let honest = try DisplayPeer(server)
            try honest.attach()
            #expect(try honest.layout([(0, 0, 640, 480)]) == nil)
            // Again and again: what the others sent last may still move it.
            try waitUntil("the pointer is where it was sent") {
                try honest.send(DISPLAY_EVENT_MOTION, x: 11, y: 22)
                honest.beat()
                events.discardLines()
                return display_pointer_x(honest.object) == 11 && display_pointer_y(honest.object) == 22
            }
            expectClean(server)
        }

        /// One thing that no viewer would do.
        private func nonsense(_ object: OpaquePointer, _ random: inout Seeded) {
            let slot = UInt32.random(in: 0..<DISPLAY_VIEWERS, using: &random)
            guard let viewer = display_viewer_at(object, slot) else { return }
            func word() -> UInt32 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: 0
                case 1: UInt32.max - UInt32.random(in: 0...4, using: &random)
                case 2: UInt32.random(in: 0...300, using: &random)
                default: UInt32.random(in: 0...UInt32.max, using: &random)
                }
            }
            switch Int.random(in: 0..<9, using: &random) {
            case 0: display_store(display_viewer_owner(viewer), word())
            case 1: display_store(display_viewer_heartbeat(viewer), word())
            case 2:  // a ring full of events that may mean anything
                guard let events = display_viewer_events(viewer), let head = display_viewer_head(viewer) else { return }
                for place in 0..<Int(DISPLAY_INPUT_EVENTS) {
                    events[place] = display_event(
                        type: UInt16.random(in: 0...9, using: &random), code: UInt16(truncatingIfNeeded: word()),
                        value: UInt16.random(in: 0...2, using: &random), reserved: 0, x: Int32(bitPattern: word()),
                        y: Int32(bitPattern: word()))
                }
                display_store(head, display_load(head) &+ UInt32.random(in: 0...300, using: &random))
            case 3: display_store(display_viewer_head(viewer), word())
            case 4:
                var layout = display_layout()
                withUnsafeMutableBytes(of: &layout) { bytes in
                    for place in 0..<bytes.count / 4 {
                        bytes.storeBytes(of: word(), toByteOffset: place * 4, as: UInt32.self)
                    }
                }
                layout.owner = display_load(display_viewer_owner(viewer))
                if Bool.random(using: &random) {
                    layout.output_count = UInt32.random(in: 1...8, using: &random)
                    (layout.outputs.0.x, layout.outputs.0.y) = (0, 0)
                    layout.outputs.0.width = UInt32.random(in: 1...700, using: &random)
                    layout.outputs.0.height = UInt32.random(in: 1...500, using: &random)
                    if Bool.random(using: &random) { layout.output_count = 1 }
                }
                display_write_layout(viewer, &layout)
            case 5:
                let owner = display_load(display_viewer_owner(viewer))
                if Int.random(in: 0..<30, using: &random) == 0 {
                    display_viewer_push_keymap(viewer, owner, word(), word())
                }
            case 6: display_store(display_viewer_flags(viewer), word())
            case 7: display_store(display_viewer_refresh(viewer), word())
            default: display_store(display_viewer_hold(viewer, word()), word())
            }
        }

        /// The same numbers each run.
        private struct Seeded: RandomNumberGenerator {
            private var state: UInt64

            init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

            mutating func next() -> UInt64 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return state
            }
        }
    }
}
