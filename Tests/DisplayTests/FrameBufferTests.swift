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
