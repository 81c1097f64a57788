import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct ClipboardTests {
        /// A pod with its clipboard program, a host, and a viewer between them.
        private final class Stage {
            let pod: XServer
            let host: XServer
            let viewer: ViewerProcess
            private let clipboard: ChildProcess
            private var owners: [ChildProcess] = []
            let folder: LabFolder

            init(_ options: [String] = []) throws {
                folder = try LabFolder("mediapod-clipboard")
                pod = try XServer(.driver(), width: 320, height: 240)
                host = try XServer(.xvfb, width: 640, height: 480)
                clipboard = try start(
                    [LabBroker.repository.appending("build/pod-clipboard").string, pod.object.string],
                    environment: pod.environment, output: folder.appending("out"), error: folder.appending("err"))
                viewer = try ViewerProcess(pod.object, on: host, ["--no-bar"] + options)
                _ = try viewer.windows()
            }

            deinit { for owner in owners { owner.kill() } }

            /// Copies, as a program would: it owns the selection until it is killed or loses it.
            func copy(_ bytes: [UInt8], on server: XServer, selection: String = "clipboard", target: String? = nil)
                throws
            {
                let file = folder.appending("copied")
                try Files.write(file, bytes, permissions: .ownerReadWrite)
                let target = target.map { ["-t", $0] } ?? []
                let command = ["xclip", "-quiet", "-selection", selection, "-in"] + target + [file.string]
                owners.append(
                    try start(
                        command, environment: server.environment, output: folder.appending("o"),
                        error: folder.appending("e")))
            }

            /// A program that owns the clipboard and has very much to give; gives the file that it prints to.
            func own(_ bytes: Int, said: Int, on server: XServer) throws -> FilePath {
                let output = folder.appending("owner")
                owners.append(
                    try start(
                        [program("owner"), "\(bytes)", "\(said)"], environment: server.environment, output: output,
                        error: folder.appending("e")))
                try waitUntil("the clipboard is owned") { text(of: output).hasPrefix("owned\n") }
                return output
            }

            /// What is pasted, as soon as it is this.
            func expect(
                _ bytes: [UInt8], on server: XServer, selection: String = "clipboard", target: String = "UTF8_STRING"
            ) throws {
                var got: [UInt8] = []
                do {
                    try waitUntil("the other side pastes it", seconds: 20) {
                        got = (try? server.run(["xclip", "-selection", selection, "-out", "-t", target])) ?? []
                        return got == bytes
                    }
                } catch {
                    throw Failure("the paste", "\(got.count) bytes instead of \(bytes.count); \(viewer.said)")
                }
            }
        }

        @Test func textGoesBothWays() throws {
            let stage = try Stage()
            for (n, text) in ["from the pod", "ä €\n𝄞 twice"].enumerated() {
                try stage.copy(Array("\(text) \(n)".utf8), on: stage.pod)
                try stage.expect(Array("\(text) \(n)".utf8), on: stage.host)
                try stage.copy(Array("back \(n)".utf8), on: stage.host)
                try stage.expect(Array("back \(n)".utf8), on: stage.pod)
            }
            try stage.copy(Array("marked".utf8), on: stage.pod, selection: "primary")
            try stage.expect(Array("marked".utf8), on: stage.host, selection: "primary")
        }

        @Test func largeTextAndImagesGoInPieces() throws {
            let stage = try Stage()
            let large = (0..<3_000_000).map { UInt8(97 + $0 % 23) }
            try stage.copy(large, on: stage.host)
            try stage.expect(large, on: stage.pod)
            let image =
                [0x89, 0x50, 0x4e, 0x47] + (0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
            try stage.copy(image, on: stage.pod, target: "image/png")
            try stage.expect(image, on: stage.host, target: "image/png")
            try stage.copy(Array(image.reversed()), on: stage.host, target: "image/png")
            try stage.expect(Array(image.reversed()), on: stage.pod, target: "image/png")
        }

        @Test func withoutClipboardNothingIsShared() throws {
            let stage = try Stage(["--no-clipboard"])
            try stage.copy(Array("secret".utf8), on: stage.host)
            // Time enough for what must not happen.
            usleep(1_500_000)
            let pasted = try? stage.pod.run(["xclip", "-selection", "clipboard", "-out"])
            #expect(pasted == nil || pasted == [])
        }

        /// Both ways; by programs that say beforehand how much it is, and by such that do not know.
        @Test(arguments: [true, false], [0, 1 << 30]) func aClipboardOfAGigabyteIsRefused(toPod: Bool, said: Int) throws
        {
            let stage = try Stage()
            let (from, to) = toPod ? (stage.host, stage.pod) : (stage.pod, stage.host)
            let output = try stage.own(1 << 30, said: said, on: from)
            try waitUntil("it is on offer") {
                let targets = try? to.run(["xclip", "-selection", "clipboard", "-out", "-t", "TARGETS"])
                return targets.map { String(decoding: $0, as: UTF8.self).contains("UTF8_STRING") } == true
            }
            let pasted = try? to.run(["xclip", "-selection", "clipboard", "-out", "-t", "UTF8_STRING"])
            #expect(pasted == nil || pasted == [])
            let given = text(of: output).split(separator: "\n").last.flatMap { Int($0) } ?? 0
            // xclip asks a second time when it is refused, for plain STRING. The first piece comes unasked.
            let most = 2 * (said > 0 ? 256 << 10 : 17 << 20)
            #expect(given <= most && (said > 0 || given > 16 << 20), "\(given) bytes")
            // That program goes on writing where it was asked to; the next one's comes as it is, in pieces, too.
            let large = (0..<3_000_000).map { UInt8(97 + $0 % 23) }
            try stage.copy(large, on: from)
            try stage.expect(large, on: to)
            #expect(!stage.viewer.process.hasEnded, "\(stage.viewer.said)")
        }

        @Test func moreThanFitsIsRefusedAndTheNextIsPasted() throws {
            let stage = try Stage()
            try stage.copy([UInt8](repeating: 120, count: 17 << 20), on: stage.host)
            usleep(1_000_000)
            let pasted = try? stage.pod.run(["xclip", "-selection", "clipboard", "-out", "-t", "UTF8_STRING"])
            #expect(pasted == nil || pasted == [])
            try stage.copy(Array("small".utf8), on: stage.host)
            try stage.expect(Array("small".utf8), on: stage.pod)
        }
    }
}
