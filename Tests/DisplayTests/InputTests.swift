import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct InputTests {
        private func ready(_ arguments: [String] = []) throws -> (XServer, DisplayPeer, XProgram) {
            let server = try XServer()
            let program = try XProgram(["events"] + arguments, on: server)
            #expect(try program.line() == "ready")
            let peer = try DisplayPeer(server)
            try peer.attach()
            return (server, peer, program)
        }

        /// The next line that is not a repeat: how many of those there are is up to the machine.
        private func next(_ program: XProgram) throws -> String {
            while true {
                let line = try program.line()
                if !line.hasSuffix("repeat") { return line }
            }
        }

        @Test func keysButtonsMotionAndTheWheelArrive() throws {
            let (server, peer, program) = try ready()
            defer { server.stop() }
            try peer.send(DISPLAY_EVENT_MOTION, x: 123, y: 45)
            #expect(try program.line() == "motion 123 45")
            for (code, name) in [(38, "a"), (24, "q"), (65, "space"), (36, "Return")] {
                try peer.send(DISPLAY_EVENT_KEY, code, 1)
                try peer.send(DISPLAY_EVENT_KEY, code, 0)
                #expect(try next(program) == "press \(code) \(name)")
                #expect(try next(program) == "release \(code) \(name)")
            }
            try peer.send(DISPLAY_EVENT_KEY, 50, 1)  // Shift
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            #expect(try next(program) == "press 50 Shift_L")
            #expect(try next(program) == "press 38 A")
            try peer.send(DISPLAY_EVENT_KEY, 38, 0)
            try peer.send(DISPLAY_EVENT_KEY, 50, 0)
            #expect(try next(program) == "release 38 A")
            #expect(try next(program) == "release 50 Shift_L")
            for button in [1, 2, 3, 8, 9, 32] {
                try peer.send(DISPLAY_EVENT_BUTTON, button, 1)
                try peer.send(DISPLAY_EVENT_BUTTON, button, 0)
                #expect(try program.line() == "down \(button) at 123 45")
                #expect(try program.line() == "up \(button) at 123 45")
            }
            try peer.send(DISPLAY_EVENT_RELATIVE, x: -23, y: 5)
            #expect(try program.line() == "motion 100 50")
            // Half a notch is a motion of the wheel's axis alone, the other half also a click of the button.
            try peer.send(DISPLAY_EVENT_SCROLL, y: 60)
            #expect(try program.line() == "motion 100 50 axis3 60")
            try peer.send(DISPLAY_EVENT_SCROLL, y: 60)
            #expect(try program.line() == "motion 100 50 axis3 120")
            #expect(try program.line() == "down 5 at 100 50 emulated")
            #expect(try program.line() == "up 5 at 100 50 emulated")
            try peer.send(DISPLAY_EVENT_SCROLL, x: -120)
            #expect(try program.line() == "motion 100 50 axis2 -120")
            #expect(try program.line() == "down 6 at 100 50 emulated")
            #expect(try program.line() == "up 6 at 100 50 emulated")
            // The wheel as a viewer has it that knows of buttons only.
            try peer.send(DISPLAY_EVENT_BUTTON, 4, 1)
            try peer.send(DISPLAY_EVENT_BUTTON, 4, 0)
            #expect(try program.line() == "motion 100 50 axis3 0")
            #expect(try program.line() == "down 4 at 100 50")
            #expect(try program.line() == "up 4 at 100 50")
        }

        @Test func manyEventsArriveInTheirOrder() throws {
            let (_, peer, program) = try ready()
            for number in 0..<3000 {
                try peer.send(DISPLAY_EVENT_MOTION, x: number % 640, y: number % 480)
                if number % 10 == 0 {
                    try peer.send(DISPLAY_EVENT_BUTTON, 1, 1)
                    try peer.send(DISPLAY_EVENT_BUTTON, 1, 0)
                }
            }
            // Motion may be compressed by programs, not by the server when they ask for all of it.
            for number in 0..<3000 {
                #expect(try program.line() == "motion \(number % 640) \(number % 480)")
                if number % 10 == 0 {
                    #expect(try program.line() == "down 1 at \(number % 640) \(number % 480)")
                    #expect(try program.line() == "up 1 at \(number % 640) \(number % 480)")
                }
            }
        }

        @Test func aViewerThatIsKilledHoldsNothingDown() throws {
            let (_, peer, program) = try ready()
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            try peer.send(DISPLAY_EVENT_BUTTON, 1, 1)
            #expect(try next(program) == "press 38 a")
            #expect(try next(program).hasPrefix("down 1 at"))
            // No heartbeat from here on. The driver says by its own clock how long it took.
            #expect(try next(program) == "release 38 a")
            #expect(try next(program).hasPrefix("up 1 at"))
            #expect(!peer.isAttached)
            // Another takes the slot, and types on.
            try peer.attach()
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            #expect(try next(program) == "press 38 a")
            peer.leave()
            #expect(try next(program) == "release 38 a", "who leaves lets go at once")
        }

        @Test func aLeaseLastsAsLongAsTheHeartbeat() throws {
            let (_, peer, program) = try ready()
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            for _ in 0..<15 {
                usleep(200_000)
                peer.beat()
            }
            #expect(peer.isAttached)
            try peer.send(DISPLAY_EVENT_KEY, 38, 0)
            #expect(try next(program) == "press 38 a")
            #expect(try next(program) == "release 38 a")
        }

        @Test func aViewerThatRestsKeepsItsSlotWithRareHeartbeats() throws {
            let (_, peer, program) = try ready()
            peer.set(flags: DISPLAY_VIEWER_RESTS.rawValue)
            for _ in 0..<2 {
                // Longer than the lease of one that does not rest.
                usleep((DISPLAY_LEASE_MS + DISPLAY_REST_HEARTBEAT_MS / 2) * 1000)
                #expect(peer.isAttached)
                peer.beat()
            }
            // With a key down it does not rest, whatever it says.
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            #expect(try next(program) == "press 38 a")
            #expect(try next(program) == "release 38 a")
            #expect(!peer.isAttached)
            try peer.attach(flags: DISPLAY_VIEWER_RESTS.rawValue)
            try waitUntil("who rests for ever loses its slot, too") { !peer.isAttached }
        }

        @Test func twoViewersTypeOnOneKeyboard() throws {
            let (server, first, program) = try ready()
            let second = try DisplayPeer(server)
            try second.attach()
            #expect(first.slot != second.slot)
            try first.send(DISPLAY_EVENT_KEY, 38, 1)
            try first.waitUntilTaken()
            second.beat()
            try second.send(DISPLAY_EVENT_KEY, 38, 1)
            try second.waitUntilTaken()
            try first.send(DISPLAY_EVENT_KEY, 38, 0)
            try first.waitUntilTaken()
            try second.send(DISPLAY_EVENT_KEY, 39, 1)
            try second.send(DISPLAY_EVENT_RELEASE)
            #expect(try next(program) == "press 38 a")
            #expect(try next(program) == "press 39 s", "down until both let go")
            #expect(try next(program) == "release 38 a")
            #expect(try next(program) == "release 39 s")
        }

        @Test func slotsRunOutAndComeBack() throws {
            let server = try XServer()
            let peers = try (0..<DISPLAY_VIEWERS).map { _ in try DisplayPeer(server) }
            for peer in peers {
                for other in peers where other.owner != 0 { other.beat() }
                try peer.attach()
            }
            #expect(Set(peers.map(\.slot)).count == Int(DISPLAY_VIEWERS))
            let late = try DisplayPeer(server)
            #expect(throws: Failure.self) { try late.attach() }
            try waitUntil("dead viewers' slots are free") {
                try? late.attach(); return late.owner != 0
            }
        }

        @Test func aKeymapIsTakenAndABadOneIsNot() throws {
            let (server, peer, program) = try ready()
            let german = try XProgram.run(
                ["sh", "-c", "setxkbmap -layout de,ru -print | xkbcomp -w 0 -xkb - - "], on: server)
            #expect(try peer.keymap(Array(german.utf8)) == nil)
            try peer.send(DISPLAY_EVENT_KEY, 29, 1)
            try peer.send(DISPLAY_EVENT_KEY, 29, 0)
            #expect(try next(program) == "press 29 z")
            #expect(try next(program) == "release 29 z")
            for bad in ["", "garbage", String(german.prefix(3000)), String(repeating: "{", count: 200_000)] {
                #expect(try peer.keymap(Array(bad.utf8)) == .invalidArgument)
            }
            #expect(try peer.keymap(Array(repeating: 65, count: Int(DISPLAY_MAX_KEYMAP) + 1)) == .invalidArgument)
            try peer.send(DISPLAY_EVENT_KEY, 29, 1)
            try peer.send(DISPLAY_EVENT_KEY, 29, 0)
            #expect(try next(program) == "press 29 z", "the last good one stays")
            _ = try next(program)
            // A viewer with another keyboard takes turns with this one.
            let english = try XProgram.run(
                ["sh", "-c", "setxkbmap -layout us -print | xkbcomp -w 0 -xkb - - "], on: server)
            let other = try DisplayPeer(server)
            try other.attach()
            #expect(try other.keymap(Array(english.utf8)) == nil)
            peer.beat()
            try other.send(DISPLAY_EVENT_KEY, 29, 1)
            try other.send(DISPLAY_EVENT_KEY, 29, 0)
            #expect(try next(program) == "press 29 y")
            _ = try next(program)
        }

        @Test func locksAndTheGroupFollowTheHost() throws {
            let (server, peer, program) = try ready()
            let map = try XProgram.run(
                ["sh", "-c", "setxkbmap -layout us,ru -print | xkbcomp -w 0 -xkb - - "], on: server)
            #expect(try peer.keymap(Array(map.utf8)) == nil)
            func typed() throws -> String {
                try peer.send(DISPLAY_EVENT_KEY, 38, 1)
                try peer.send(DISPLAY_EVENT_KEY, 38, 0)
                let line = try next(program)
                _ = try next(program)
                return line
            }
            #expect(try typed() == "press 38 a")
            try peer.send(DISPLAY_EVENT_LOCK, 1, 0)
            #expect(try typed() == "press 38 Cyrillic_ef")
            try peer.send(DISPLAY_EVENT_LOCK, 0, 2)
            #expect(try typed() == "press 38 A")
            try waitUntil("Caps Lock is lit") { display_leds(peer.object) & 1 == 1 }
            try peer.send(DISPLAY_EVENT_LOCK, 0, 0)
            #expect(try typed() == "press 38 a")
            try waitUntil("Caps Lock is dark") { display_leds(peer.object) & 1 == 0 }
        }

        @Test func ledsAndTheBellAreTold() throws {
            let (server, peer, program) = try ready()
            #expect(display_leds(peer.object) == 0)
            try peer.send(DISPLAY_EVENT_KEY, 66, 1)
            try peer.send(DISPLAY_EVENT_KEY, 66, 0)
            #expect(try next(program) == "press 66 Caps_Lock")
            try waitUntil("Caps Lock is lit") { display_leds(peer.object) == 1 }
            let bells = display_bells(peer.object)
            _ = try XProgram.run(["xkbbell"], on: server)
            try waitUntil("the bell rang") { display_bells(peer.object) != bells }
        }
    }
}
