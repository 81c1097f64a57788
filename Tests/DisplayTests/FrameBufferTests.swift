import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct FrameBufferTests {
        /// Xvfb draws with the same code into memory of its own.
        @Test(arguments: 1...6) func whatIsDrawnIsPixelExact(seed: Int) throws {
            let steps = 400
            let server = try XServer(width: 1024, height: 768)
            let bound = try XServer(.xvfb, width: 1024, height: 768)
            let ours = try XProgram(["draw", "\(seed)", "\(steps)"], on: server)
            let theirs = try XProgram(["draw", "\(seed)", "\(steps)"], on: bound)
            let peer = try DisplayPeer(server)
            var seen = Set<String>()
            for step in 0..<steps {
                let said = try step == 0 ? ours.line() : ours.step()
                try #require(try said == (step == 0 ? theirs.line() : theirs.step()), "step \(step) of seed \(seed)")
                try #require(try DisplayPeer.hash(peer.pixels()) == said, "step \(step) of seed \(seed)")
                seen.insert(said)
            }
            #expect(seen.count > steps / 4, "the drawing changes the screen")
        }

        /// The screen as a copy that damage alone kept up to date.
        @Test(arguments: 11...16) func damageCoversEveryChange(seed: Int) throws {
            let steps = 400
            let server = try XServer(width: 1024, height: 768)
            let program = try XProgram(["draw", "\(seed)", "\(steps)", "all"], on: server)
            let peer = try DisplayPeer(server)
            let screen = try peer.screen()
            _ = try program.line()
            var position = UInt64.max
            #expect(peer.damage(&position) == nil)
            var copy = try peer.pixels()
            for step in 1..<steps {
                _ = try program.step()
                for box in try #require(peer.damage(&position), "damage was lost") {
                    let part = display_box_on(box, screen.width, screen.height)
                    #expect(part.x1 < part.x2, "damage outside of the screen")
                    peer.copy(part, of: screen, into: &copy)
                }
                try #require(try (copy == peer.pixels()) == true, "step \(step) of seed \(seed)")
            }
        }

        /// Most programs put a whole picture again where little of it is another.
        @Test(arguments: ["plain", "shared", "pixmap"]) func onlyWhatIsAnotherIsDamage(way: String) throws {
            let server = try XServer(width: 1100, height: 768)
            let peer = try DisplayPeer(server)
            let screen = try peer.screen()
            let program = try XProgram(["puts", way], on: server)
            _ = try program.line()
            var position = UInt64.max
            _ = peer.damage(&position)
            var copy = try peer.pixels()
            // The pixels in boxes that are told, each once; what they leave out is as it was.
            func told(_ word: String) throws -> (boxes: [display_rectangle], pixels: Int) {
                let hash = try program.step(word)
                let boxes = try #require(peer.damage(&position)).map { display_box_on($0, screen.width, screen.height) }
                var isTold = [Bool](repeating: false, count: copy.count)
                for box in boxes {
                    peer.copy(box, of: screen, into: &copy)
                    for y in Int(box.y1)..<Int(box.y2) {
                        for x in Int(box.x1)..<Int(box.x2) { isTold[y * Int(screen.width) + x] = true }
                    }
                }
                #expect(try copy == peer.pixels(), "\(word)")
                #expect(DisplayPeer.hash(copy) == hash, "\(word)")
                return (boxes, isTold.count { $0 })
            }
            #expect(try told("same").boxes.isEmpty)
            for (x, y) in [(0, 0), (999, 0), (0, 699), (999, 699), (500, 311), (27, 11), (26, 10)] {
                let (boxes, pixels) = try told("pixel \(x) \(y)")
                #expect(boxes.count == 1 && pixels <= 64 * 16, "\(boxes)")
                let box = try #require(boxes.first)
                #expect((box.x1..<box.x2).contains(Int32(37 + x)) && (box.y1..<box.y2).contains(Int32(21 + y)))
            }
            #expect(try told("same").boxes.isEmpty)
            #expect(try told("all").pixels == 1000 * 700)
            let all = try told("checks").pixels
            #expect(all < 1000 * 700, "what lies around the tiles is not told")
            #expect(try told("all").pixels == 1000 * 700)
            #expect(try told("cover").pixels == 100 * 300, "the other window, and nothing of what is below it")
            #expect(try told("pixel 310 300").boxes.isEmpty, "one that is covered")
            #expect(try told("all").pixels == 1000 * 700 - 100 * 300)
        }

        @Test func aReaderThatFallsBehindIsToldSo() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let program = try XProgram(["draw", "1", "100000"], on: server)
            _ = try program.line()
            var position = UInt64.max
            #expect(peer.damage(&position) == nil, "the first look is at everything")
            #expect(peer.damage(&position)?.isEmpty == true)
            let before = position
            var last = before
            while last - before <= UInt64(DISPLAY_DAMAGE_BOXES) {
                _ = try program.step()
                _ = peer.damage(&last)
            }
            position = before
            #expect(peer.damage(&position) == nil)
            #expect(position == last, "and goes on from where it is")
        }

        @Test func anIdleServerPublishesNothing() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let program = try XProgram(["draw", "3", "2"], on: server)
            _ = try program.line()
            let published = display_load(display_published(peer.object))
            // Longer than any timer of ours.
            #expect(display_wait(display_published(peer.object), published, 3000) == ETIMEDOUT)
            #expect(display_load(display_published(peer.object)) == published)
        }

        @Test func aServerThatEndsSaysSoAndTakesItsMemoryWithIt() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let published = display_load(display_published(peer.object))
            server.stop()
            #expect(display_state_of(peer.object) == DISPLAY_STATE_GONE.rawValue)
            #expect(display_load(display_published(peer.object)) != published, "viewers are woken")
            #expect(!Files.isRegularFile(server.object))
        }

        @Test func aServerThatResetsKeepsItsViewersInformed() throws {
            // Without -noreset the last program's end begins another generation, with another object.
            let server = try XServer(options: ["-reset"])
            let first = try DisplayPeer(server)
            let epoch = display_epoch(first.object)
            let program = try XProgram(["draw", "1", "3"], on: server)
            _ = try program.line()
            program.kill()
            program.end()
            try waitUntil("the old object is given up") {
                display_state_of(first.object) == DISPLAY_STATE_GONE.rawValue
            }
            var second: DisplayPeer?
            try waitUntil("a new one is there") {
                second = try? DisplayPeer(server)
                return second.map { display_epoch($0.object) != epoch } ?? false
            }
            let again = try XProgram(["draw", "1", "3"], on: server)
            #expect(try again.line() == DisplayPeer.hash(try #require(second).pixels()))
            #expect(!server.hasEnded)
            // Not in good order: after a reset, and without a system bus, Xorg 21.1 frees a timer of its own twice.
            server.process.kill()
        }
    }
}
