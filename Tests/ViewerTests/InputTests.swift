import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct InputTests {
        /// A pod's server with a program that says what it hears, and a host's with a viewer's window.
        private func ready() throws -> (
            pod: XServer, host: XServer, probe: Probe, viewer: ViewerProcess, window: String
        ) {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 800, height: 600)
            let probe = try Probe(on: pod)
            let viewer = try ViewerProcess(pod.object, on: host)
            return (pod, host, probe, viewer, try viewer.windows().whole)
        }

        @Test func keysArriveWithTheirModifiersInTheHostsLayout() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 640, height: 480), try XServer(.xvfb, width: 800, height: 600)
            )
            try host.run(["setxkbmap", "de"])
            let probe = try Probe(on: pod)
            let viewer = try ViewerProcess(pod.object, on: host)
            let window = try viewer.windows().whole
            try waitUntil("the viewer has the keyboard") {
                String(decoding: try host.run(["xdotool", "getwindowfocus"]), as: UTF8.self)
                    == "\(Int(window.dropFirst(2), radix: 16) ?? 0)\n"
            }
            // Where y and z have changed places, and a bracket is on AltGr.
            try host.run(["xdotool", "key", "z", "ISO_Level3_Shift+8", "shift+odiaeresis", "ctrl+alt+t", "Return"])
            let heard = try probe.expect("key up 36 Return").filter { $0.hasPrefix("key down") }
            let symbols = heard.compactMap { $0.split(separator: " ").last.map(String.init) }
            #expect(
                symbols == [
                    "z", "ISO_Level3_Shift", "bracketleft", "Shift_L", "Odiaeresis", "Control_L", "Alt_L",
                    "t", "Return",
                ])
            #expect(heard.first == "key down 29 z")
        }

        @Test func whatIsHeldIsLetGoWhenTheFocusIsLost() throws {
            let (_, host, probe, viewer, window) = try ready()
            try host.run(["xdotool", "windowfocus", "--sync", window, "keydown", "a", "keydown", "Control_L"])
            try probe.expect("key down 37 Control_L")
            let other = try Probe(on: host)  // takes the focus
            let heard = try probe.expect("key up 37 Control_L") + [probe.line() ?? ""]
            #expect(heard.filter { $0 == "key up 38 a" }.count == 1)
            // Goes up while others have the focus: the pod does not hear of it twice.
            try host.run(["xdotool", "keyup", "a"])
            // Control is still down when the focus comes back.
            try host.run(["xdotool", "windowfocus", "--sync", window])
            try probe.expect("key down 37 Control_L")
            try host.run(["xdotool", "key", "c", "keyup", "Control_L"])
            let rest = try probe.expect("key up 37 Control_L")
            #expect(rest == ["key down 54 c", "key up 54 c"])
            withExtendedLifetime((other, viewer)) {}
        }

        @Test func aKilledViewersKeysAreLetGo() throws {
            let (_, host, probe, viewer, window) = try ready()
            try host.run(["xdotool", "windowfocus", "--sync", window, "keydown", "b"])
            try probe.expect("key down 56 b")
            viewer.process.kill()
            try probe.expect("key up 56 b")
        }

        @Test func aViewerRestsAndIsThereWhenAKeyIsPressed() throws {
            let (pod, host, probe, viewer, window) = try ready()
            let memory = try ObjectMemory(pod.object)
            try waitUntil("the viewer rests") { memory.resting == 1 }
            try host.run(["xdotool", "windowfocus", "--sync", window, "keydown", "b"])
            try probe.expect("key down 56 b")
            #expect(memory.resting == 0)
            viewer.process.kill()
            try probe.expect("key up 56 b")
            try waitUntil("its slot is free") { memory.owners == 0 }
        }

        @Test func aViewerDoesNotRestBesideADriverThatDoesNotKnowIt() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 800, height: 600)
            let memory = try ObjectMemory(pod.object)
            memory.takeAwayRest()
            let old = try ViewerProcess(pod.object, on: host)
            _ = try old.windows()
            // One that may rest does so by the time that this one has looked on for twice as long.
            sleep(6)
            #expect(memory.resting == 0 && memory.owners == 1)
        }

        @Test func thePointerIsWhereItIsSeen() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 320, height: 240), try XServer(.xvfb, width: 1000, height: 800)
            )
            let probe = try Probe(on: pod)
            try probe.paint(1)
            let viewer = try ViewerProcess(pod.object, on: host, ["--no-bar", "--scaling", "integer"])
            let (whole, view) = try viewer.windows()
            try host.run(["xdotool", "windowsize", "--sync", whole, "700", "500"])
            try waitUntil("the picture is twice as large") { try host.picture(of: view).width == 700 }
            try viewer.waitUntilShown {
                let larger = try pod.picture().enlarged(by: 2)
                var pixels = [UInt32](repeating: 0, count: 700 * 500)
                for y in 0..<480 { for x in 0..<640 { pixels[(y + 10) * 700 + x + 30] = larger[x, y] } }
                return Picture(width: 700, height: 500, pixels: pixels)
            }
            try host.run([
                "xdotool", "mousemove", "--window", view, "\(30 + 2 * 17)", "\(10 + 2 * 203 + 1)", "click", "1",
                "click", "4",
                "click", "9",
            ])
            try probe.expect("button down 1 17 203")
            try probe.expect("button down 4 17 203")
            try probe.expect("button up 4 17 203")
            try probe.expect("button up 9 17 203")
            // A program that moves the pointer moves the host's, too.
            try host.run(["xdotool", "windowfocus", "--sync", whole])
            try probe.say("warp 100 50")
            try waitUntil("the host's pointer has followed") {
                let place = String(decoding: try host.run(["xdotool", "getmouselocation"]), as: UTF8.self)
                return place.hasPrefix("x:231 y:111 ")
            }
        }

        @Test func theCursorIsThePods() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 640, height: 480), try XServer(.xvfb, width: 800, height: 600)
            )
            let probe = try Probe(on: pod)
            let viewer = try ViewerProcess(pod.object, on: host)
            let view = try viewer.windows().view
            try host.run(["xdotool", "mousemove", "--window", view, "50", "60"])
            for (n, size) in [(1, "16 24 3 4"), (2, "64 64 63 0"), (3, "200 120 10 119")] {
                try probe.say("cursor \(size) \(n)")
                var said: String?
                while let line = probe.line(), said == nil { if line.hasPrefix("cursor ") { said = line; break } }
                try waitUntil("the host shows it: \(said ?? "")") {
                    try String(decoding: host.run([program("cursor")]), as: UTF8.self) == "\(size) \(said ?? "")\n"
                }
            }
        }
    }
}
