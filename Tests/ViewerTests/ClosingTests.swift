import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct ClosingTests {
        /// In the place of `mediapod suspend`: waits for a word, says how far it is, and ends as it is told.
        private static func suspender(_ folder: LabFolder, exit code: Int) throws -> String {
            let path = folder.appending("suspend")
            let script = """
                #!/bin/sh
                echo begun >> '\(folder.path)/begun'
                echo 'dumping the programs' >&2
                while [ ! -e '\(folder.path)/go' ]; do sleep 0.05; done
                [ \(code) = 0 ] || echo 'cannot suspend pod x: the device is full' >&2
                exit \(code)
                """
            try Files.write(path, Array(script.utf8), permissions: .init(rawValue: 0o755))
            return path.string
        }

        private static func close(_ viewer: ViewerProcess) throws {
            let window = try viewer.windows().whole
            // As a window manager does: WM_DELETE_WINDOW.
            try viewer.host.run([try program("close"), window])
        }

        @Test func closingTheWindowSuspendsAndSaysSo() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 640, height: 480), try XServer(.xvfb, width: 800, height: 600)
            )
            let folder = try LabFolder("mediapod-close")
            let options = ["--suspend-program", try Self.suspender(folder, exit: 0)]
            let viewer = try ViewerProcess(pod.object, on: host, options)
            let probe = try Probe(on: pod)
            let whole = try viewer.windows().whole
            try host.run(["xdotool", "windowfocus", "--sync", whole, "keydown", "a"])
            try probe.expect("key down 38 a")
            let before = try host.picture(of: whole)
            try Self.close(viewer)
            // What is held is let go before the pod stands still.
            try probe.expect("key up 38 a")
            try waitUntil("it suspends") { Files.isRegularFile(folder.appending("begun")) }
            try waitUntil("the line under the picture says so") {
                let now = try host.picture(of: whole)
                let bar = (x: 0, y: now.height - 22, width: now.width, height: 22)
                return now.cropped(x: bar.x, y: bar.y, width: bar.width, height: bar.height)
                    != before.cropped(x: bar.x, y: bar.y, width: bar.width, height: bar.height)
            }
            // Closing again does not suspend again.
            try Self.close(viewer)
            try Files.write(folder.appending("go"), [], permissions: .ownerReadWrite)
            #expect(viewer.process.wait() == .exited(0))
            #expect(viewer.said == "pod display is suspended: safe to remove\n")
            #expect(text(of: folder.appending("begun")) == "begun\n")
        }

        @Test func aSuspendThatFailsLeavesTheWindowOpen() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 640, height: 480), try XServer(.xvfb, width: 800, height: 600)
            )
            let folder = try LabFolder("mediapod-close")
            let options = ["--no-bar", "--suspend-program", try Self.suspender(folder, exit: 1)]
            let viewer = try ViewerProcess(pod.object, on: host, options)
            let probe = try Probe(on: pod)
            try viewer.waitUntilShown { try pod.picture() }
            try Files.write(folder.appending("go"), [], permissions: .ownerReadWrite)
            try Self.close(viewer)
            try waitUntil("it was tried") { Files.isRegularFile(folder.appending("begun")) }
            // It goes on to show, and to hear.
            try probe.paint(5)
            try viewer.waitUntilShown { try pod.picture() }
            try waitUntil("it hears again") {
                try host.run(["xdotool", "key", "b"])
                return (try? probe.expect("key up 56 b")) != nil
            }
            #expect(viewer.end() == .exited(0))
        }

        @Test func keepRunningLeavesItRunning() throws {
            let (pod, host) = (
                try XServer(.driver(), width: 640, height: 480), try XServer(.xvfb, width: 800, height: 600)
            )
            let folder = try LabFolder("mediapod-close")
            let suspender = try Self.suspender(folder, exit: 0)
            let viewer = try ViewerProcess(pod.object, on: host, ["--keep-running", "--suspend-program", suspender])
            try Self.close(viewer)
            #expect(viewer.process.wait() == .exited(0))
            // So does the button.
            let other = try ViewerProcess(pod.object, on: host, ["--suspend-program", suspender])
            let whole = try other.windows().whole
            let size = try host.picture(of: whole)
            let x = Int(size.width) - 8 - 60 - 4 - 50
            try waitUntil("the button was found") {
                try host.run(["xdotool", "mousemove", "--window", whole, "\(x)", "\(size.height - 10)", "click", "1"])
                return other.process.wait(milliseconds: 500)
            }
            #expect(other.process.wait() == .exited(0))
            #expect(other.said == "")
            #expect(!Files.isRegularFile(folder.appending("begun")))
        }
    }
}
