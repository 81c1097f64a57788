import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension ViewerTests {
    @Suite struct VideoTests {
        /// What a screenshot shows has the video drawn into it, by the driver's own arithmetic.
        private static func flat(_ server: XServer) throws -> Picture {
            let folder = try LabFolder("mediapod-video")
            let file = folder.appending("screen.png")
            _ = try Pipeline.output(
                of: Command(ViewerProcess.program, ["screenshot", "--object", server.object.string, file.string]))
            return try Picture(png: file)
        }

        /// The host's server has our driver: its screenshot shows what its own XVideo was given.
        @Test(arguments: ["I420", "YV12", "NV12", "YUY2"]) func framesReachTheHostsXVideoUnchanged(format: String)
            throws
        {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.driver(), width: 640, height: 480)
            let video = try Lines([program("video"), format, "322", "242", "40", "30", "420", "300"], on: pod)
            #expect(video.line() == "ready")
            let viewer = try ViewerProcess(pod.object, on: host)
            _ = try viewer.windows()
            for seed in 1...4 {
                try video.say("\(seed)")
                #expect(video.line() == "shown")
                // The host's first: looking at the pod's makes its driver draw the frame into the screen.
                var shown = try Self.flat(host)
                let wanted = try Self.flat(pod)
                try waitUntil("frame \(seed) is shown") {
                    if shown == wanted { return true }
                    shown = try Self.flat(host)
                    return false
                }
                // Not as pixels that the pod's server drew: the host's has as many frames of its own.
                let frames = try #require(try ObjectMemory(host.object).frame)
                #expect(frames.width == 322 && frames.height == 242 && frames.frame >= UInt64(seed))
            }
            #expect(viewer.end() == .exited(0))
        }

        @Test func aHostWithoutXVideoShowsItToo() throws {
            let pod = try XServer(.driver(), width: 640, height: 480)
            let host = try XServer(.xvfb, width: 640, height: 480)
            let video = try Lines([program("video"), "I420", "320", "240", "40", "30", "400", "300"], on: pod)
            #expect(video.line() == "ready")
            let viewer = try ViewerProcess(pod.object, on: host)
            for seed in 1...3 {
                try video.say("\(seed)")
                #expect(video.line() == "shown")
                try viewer.waitUntilShown { try Self.flat(pod) }
            }
        }
    }
}

/// A program of `Programs/` that is spoken to line by line.
final class Lines {
    private let process: ChildProcess
    private let input: OwnedDescriptor
    private let output: OwnedDescriptor

    init(_ command: [String], on server: XServer) throws {
        let toProgram = try PipeEnds()
        let fromProgram = try PipeEnds()
        process = try ChildProcess(
            Command(command[0], Array(command.dropFirst()), environment: server.environment),
            input: toProgram.read.number, output: fromProgram.write.number, error: 2)
        input = toProgram.closingRead()
        output = fromProgram.closingWrite()
    }

    deinit { process.kill() }

    func line() -> String? { Wait.line(from: output.number, milliseconds: 20_000) }

    func say(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        guard write(input.number, bytes, bytes.count) == bytes.count else { throw Failure("the program", "is gone") }
    }
}
