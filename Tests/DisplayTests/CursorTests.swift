import DisplayABI
import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct CursorTests {
        /// What `Programs/cursor.c` makes, 0xAARRGGBB.
        private static func argb(_ width: Int, _ height: Int) -> [UInt32] {
            (0..<width * height).map { place in
                let (x, y) = (place % width, place / width)
                let alpha = (x + y + 100) % 256
                return UInt32(alpha << 24 | (x % (alpha + 1)) << 16 | (y % (alpha + 1)) << 8 | alpha / 2)
            }
        }

        private static func mono(_ foreground: UInt32, _ background: UInt32) -> [UInt32] {
            (0..<19 * 21).map { place in
                let (x, y) = (place % 19, place / 19)
                if (5..<8).contains(x), (6..<10).contains(y) { return 0xff00_0000 | foreground }
                return (1..<18).contains(x) && (1..<20).contains(y) ? 0xff00_0000 | background : 0
            }
        }

        private func expect(
            _ peer: DisplayPeer, _ pixels: [UInt32], _ size: (UInt32, UInt32), hot: (UInt32, UInt32),
            _ location: SourceLocation = #_sourceLocation
        ) throws {
            let (shape, shown) = try peer.cursor()
            #expect(shape.visible == 1, sourceLocation: location)
            #expect((shape.width, shape.height) == size, sourceLocation: location)
            #expect((shape.hot_x, shape.hot_y) == hot, sourceLocation: location)
            #expect((shown == pixels) == true, sourceLocation: location)
        }

        @Test func shapesPositionsAndWarpsArrive() throws {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let program = try XProgram(["cursor"], on: server)
            #expect(try program.line() == "argb")
            try expect(peer, Self.argb(32, 48), (32, 48), hot: (5, 7))
            #expect(try program.step() == "mono")
            try expect(peer, Self.mono(0xff1200, 0x0034ff), (19, 21), hot: (2, 3))
            #expect(try program.step() == "recoloured")
            try expect(peer, Self.mono(0x0034ff, 0xff1200), (19, 21), hot: (2, 3))
            #expect(try program.step() == "largest")
            try expect(peer, Self.argb(256, 256), (256, 256), hot: (255, 0))
            #expect(try program.step() == "hidden")
            #expect(try peer.cursor().shape.visible == 0)
            #expect(try program.step() == "shown")
            try expect(peer, Self.argb(256, 256), (256, 256), hot: (255, 0))

            // One that has no room in the object is drawn by the server; its damage is not forgotten.
            var position = UInt64.max
            _ = peer.damage(&position)
            let screen = try peer.screen()
            var copy = try peer.pixels()
            let bare = copy
            func follow() throws -> Bool {
                for box in try #require(peer.damage(&position)) {
                    peer.copy(display_box_on(box, screen.width, screen.height), of: screen, into: &copy)
                }
                return try copy == peer.pixels()
            }
            for said in ["too large", "too large, moved", "10,000 wide", "10,000 high"] {
                #expect(try program.step() == said)
                #expect(try peer.cursor().shape.visible == 0)
                let before = copy
                // It is drawn when the server is about to sleep, and told of when it was woken for that.
                try waitUntil("the cursor is on the screen, and damage tells") { try follow() && copy != before }
            }
            #expect(display_pointer_x(peer.object) == 333 && display_pointer_y(peer.object) == 222)

            #expect(try program.step() == "smallest")
            try expect(peer, Self.argb(1, 1), (1, 1), hot: (0, 0))
            try waitUntil("nothing of the large one is left") { try follow() && copy == bare }
            let warps = display_warps(peer.object)
            #expect(try program.step() == "warped")
            #expect(display_pointer_x(peer.object) == 17 && display_pointer_y(peer.object) == 19)
            #expect(display_warps(peer.object) == warps + 1)
            let serial = try peer.cursor().shape.serial
            #expect(try program.step() == "many")
            try expect(peer, Self.argb(8, 50), (8, 50), hot: (0, 0))
            #expect(try peer.cursor().shape.serial == serial + 200)
        }
    }
}
