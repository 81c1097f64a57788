import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct VNCTests {
        private static func serve(_ pod: XServer, _ folder: LabFolder) throws -> (process: ChildProcess, port: Int) {
            let password = folder.appending("password")
            try Files.write(password, Array("secret-1\n".utf8), permissions: .ownerReadWrite)
            let port = Int.random(in: 20000..<30000)
            let output = folder.appending("output")
            let process = try start(
                [
                    LabBroker.binaries.appending("podvnc").string, "--object", pod.object.string, "--port", "\(port)",
                    "--password-file", password.string,
                ], environment: ["PATH=/usr/bin:/bin"], output: output, error: folder.appending("error"))
            try waitUntil("it serves: \(text(of: folder.appending("error")))") {
                text(of: output).contains("127.0.0.1:\(port)")
            }
            return (process, port)
        }

        private static func said(_ picture: Picture) -> String {
            var hash: UInt64 = 14_695_981_039_346_656_037
            for pixel in picture.pixels { hash = (hash ^ UInt64(pixel)) &* 1_099_511_628_211 }
            let digits = String(hash, radix: 16)
            return "\(picture.width) \(picture.height) " + String(repeating: "0", count: 16 - digits.count) + digits
        }

        @Test func aVNCClientSeesThePixelsAndIsHeard() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let probe = try Probe(on: pod)
            let folder = try LabFolder("mediapod-vnc")
            let (server, port) = try Self.serve(pod, folder)
            let client = try Lines([program("vnc"), "\(port)", "secret-1"], on: pod)
            #expect(client.line() == "connected")
            for seed in 1...3 {
                try probe.paint(seed)
                let wanted = Self.said(try pod.picture())
                var shown: String?
                try waitUntil("the client shows picture \(seed)") {
                    try client.say("picture")
                    shown = client.line()
                    return shown == wanted
                }
            }
            try client.say("click 123 45 1")
            try probe.expect("button up 1 123 45")
            // Letters, what needs modifiers on some keyboards, and what no ordinary keyboard has.
            for (keysym, names) in [
                ("61", ["a"]), ("40", ["at"]), ("7b", ["braceleft"]), ("e4", ["adiaeresis"]),
                ("10020ac", ["EuroSign", "U20AC"]), ("ff0d", ["Return"]),
            ] {
                try client.say("key \(keysym)")
                var heard: String?
                while let line = probe.line(), heard == nil { if line.hasPrefix("key down") { heard = line; break } }
                let symbol = heard?.split(separator: " ").last.map(String.init)
                #expect(names.contains(symbol ?? ""), "\(keysym) was heard as \(heard ?? "nothing")")
            }
            server.send(SIGTERM)
            #expect(server.wait() == .exited(0))
            try waitUntil("its place is free") { try ObjectMemory(pod.object).owners == 0 }
        }

        @Test func aWrongPasswordIsRefused() throws {
            let pod = try XServer(.driver(), width: 320, height: 240)
            let folder = try LabFolder("mediapod-vnc")
            let (server, port) = try Self.serve(pod, folder)
            let client = try Lines([program("vnc"), "\(port)", "secret-2"], on: pod)
            #expect(client.line() == "refused")
            // Only this host's own clients find it.
            let listening = String(decoding: try Pipeline.output(of: Command("ss", ["-Hltn"])), as: UTF8.self)
            let ours = listening.split(separator: "\n").filter { $0.contains(":\(port) ") }
            #expect(ours.count == 1 && ours.allSatisfy { $0.contains("127.0.0.1:\(port)") }, "\(ours)")
            withExtendedLifetime(server) {}
        }
    }
}
