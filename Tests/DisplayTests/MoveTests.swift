import DisplayABI
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    /// Real pods, dumped and restored by CRIU.
    @Suite struct MoveTests {
        @Test func aSessionMovesWithItsScreenItsProgramsAndItsFilmWhileAViewerLooksOn() throws {
            let pod = try DisplayPod()
            try pod.begin("events", as: "events")
            // Without windows that are redirected: among those the film would be drawn, not shown.
            try pod.begin("draw 5 100000", as: "draw")
            try pod.begin("video", as: "video")
            try pod.exec("/usr/lib/mediapod/pod-clipboard")
            var peer = try DisplayPeer(pod.object())
            try peer.attach()
            try pod.say("put 0 I420 320 240 7 10 20 200 150", to: "video")
            let film = try pod.lines("video", 2)[1].split(separator: " ")[0]
            // The size that it has: nothing moves for a viewer that knows its millimetres.
            peer.beat()
            #expect(try peer.layout([(0, 0, 1280, 800)]) == nil)
            try peer.send(DISPLAY_EVENT_KEY, 38, 1)
            #expect(try pod.lines("events", 2)[1] == "press 38 a")
            try waitUntil("the clipboard is there") { try peer.podClipboard.owner == 1 }
            let before = try peer.pixels()
            let epoch = display_epoch(peer.object)

            // Attached, with a key held down, and looking on.
            let heart = try peer.keepBeating()
            #expect(try !pod.output(of: "cat /tmp/events.out").contains("release"))
            try pod.move()
            heart.cancel()
            #expect(display_epoch(peer.object) == epoch, "the old object is nobody's any more")
            peer = try DisplayPeer(pod.object())
            #expect(try (peer.pixels() == before) == true, "no pixel changed")
            try waitUntil("what a viewer of the old host held is let go") {
                try pod.output(of: "cat /tmp/events.out").contains("release 38 a\n")
            }
            try peer.attach()
            #expect(display_epoch(peer.object) != epoch)

            // The paused film is there, and so is the program that shows it.
            let video = try peer.video(0)
            #expect(video.flags == DISPLAY_VIDEO_SHOWN)
            #expect(DisplayPeer.hash(try #require(peer.frame(0, video)).map(UInt32.init)) == film)
            try pod.say("put 0 I420 320 240 8 10 20 200 150", to: "video")
            let next = try pod.lines("video", 3)[2].split(separator: " ")[0]
            #expect(try DisplayPeer.hash(#require(peer.frame(0, peer.video(0))).map(UInt32.init)) == next)

            // Programs go on drawing, the keyboard works, and the screen takes the new host's size.
            var position = UInt64.max
            _ = peer.damage(&position)
            // A step of it may draw nothing that can be seen.
            var drawn = 1
            try waitUntil("something is drawn") {
                try pod.say("", to: "draw")
                drawn += 1
                _ = try pod.lines("draw", drawn)
                return peer.damage(&position)?.isEmpty == false
            }
            #expect(try peer.layout([(0, 0, 1920, 1080)]) == nil)
            #expect(try peer.screen().width == 1920)
            let known = try pod.lines("events", 3).count
            try peer.send(DISPLAY_EVENT_KEY, 39, 1)
            try peer.send(DISPLAY_EVENT_KEY, 39, 0)
            #expect(try pod.lines("events", known + 2).suffix(2) == ["press 39 s", "release 39 s"])
            try pod.output(of: "echo -n moved >/tmp/copied; xclip -i -selection clipboard /tmp/copied >/dev/null 2>&1")
            let taken = try peer.take(DISPLAY_FORMAT_TEXT, peer.waitForOffer(DISPLAY_FORMAT_TEXT.rawValue))
            #expect(taken.data == Array("moved".utf8))
        }

        /// There and back again, with a viewer that was killed, one that left, and one that had just come.
        @Test func aDumpDoesNotMindWhatBecameOfItsViewers() throws {
            let pod = try DisplayPod()
            try pod.begin("draw 9 100000", as: "draw")
            try pod.exec("glxgears")
            try pod.exec("present 100000000 >/tmp/present")
            for (turn, viewer) in ["killed", "left", "came", "none"].enumerated() {
                var peer: DisplayPeer? = try DisplayPeer(pod.object())
                try peer?.attach()
                try peer?.send(DISPLAY_EVENT_KEY, 50, 1)
                switch viewer {
                case "left": peer?.leave()
                case "none":
                    peer?.leave()
                    peer = nil
                case "came":
                    for _ in 0..<3 {
                        let another = try DisplayPeer(pod.object())
                        try another.attach()
                    }
                default: break  // its mapping goes, its slot is as it was
                }
                if viewer == "killed" { peer = nil }
                try pod.move()
                let next = try DisplayPeer(pod.object())
                try next.attach()
                try pod.say("", to: "draw")
                _ = try pod.lines("draw", turn + 2)
                var position = UInt64.max
                _ = next.damage(&position)
                try waitUntil("the gears turn on, turn \(turn)") {
                    next.beat()
                    return next.damage(&position)?.isEmpty != true
                }
                let ticks = try pod.output(of: "wc -l </tmp/present")
                try waitUntil("Present's clock goes on, turn \(turn)") {
                    next.beat()
                    return try pod.output(of: "wc -l </tmp/present") != ticks
                }
                #expect(try pod.output(of: "cat /tmp/xorg.log").contains("restored: epoch"))
                next.leave()
            }
        }
    }
}
