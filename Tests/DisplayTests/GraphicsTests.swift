import DisplayABI
import DisplayLab
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension DisplayTests {
    @Suite struct GraphicsTests {
        @Test func openGLIsLlvmpipe() throws {
            let server = try XServer()
            let said = try XProgram.run(["glxinfo", "-B"], on: server)
            #expect(said.contains("OpenGL renderer string: llvmpipe"), "\(said)")
            #expect(said.contains("direct rendering: Yes"), "\(said)")
            #expect(try XProgram.run(["es2_info"], on: server).contains("llvmpipe"))
        }

        @Test(arguments: [["glxgears"], ["es2gears_x11"]]) func whatIsDrawnByOpenGLReachesTheScreen(command: [String])
            throws
        {
            let server = try XServer()
            let peer = try DisplayPeer(server)
            let program = try XProgram(["/usr/bin/\(command[0])"], on: server)
            var pictures = Set<String>()
            var position = UInt64.max
            _ = peer.damage(&position)
            try waitUntil("the gears turn") {
                guard peer.damage(&position)?.isEmpty != true else { return false }
                pictures.insert(DisplayPeer.hash(try peer.pixels()))
                return pictures.count > 10
            }
            program.kill()
        }

        @Test func indirectGLXWorksToo() throws {
            let server = try XServer(options: ["-noreset", "+iglx"])
            let said = try XProgram.run(["env", "LIBGL_ALWAYS_INDIRECT=1", "glxinfo", "-B"], on: server)
            #expect(said.contains("direct rendering: No"), "\(said)")
        }

        @Test func extensionsThatDesktopsNeedAreThere() throws {
            let server = try XServer()
            let said = try XProgram.run(["xdpyinfo"], on: server)
            for name in [
                "MIT-SHM", "XVideo", "RANDR", "RENDER", "Composite", "DAMAGE", "Present", "GLX", "XInputExtension",
                "XTEST",
                "XKEYBOARD", "XFIXES", "SYNC", "SHAPE", "DOUBLE-BUFFER", "XINERAMA",
            ] { #expect(said.contains("    \(name)\n"), "\(name)") }
        }
    }
}
