import LinuxSystem
import SoundLab
import SystemPackage
import Testing

@Suite struct PluginTests {
    /// It is loaded into foreign programs, so it must bring nothing along.
    @Test func thePluginNeedsNothingButLibasoundAndLibc() throws {
        let plugin = LabBroker.repository.appending("build/alsa-plugin/libasound_module_pcm_mediapod.so")
        let dynamic = String(
            decoding: try Pipeline.output(of: Command("readelf", ["-d", plugin.string])), as: UTF8.self)
        let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }.compactMap {
            $0.split(separator: "[").last?.split(separator: "]").first.map(String.init)
        }
        #expect(Set(needed) == ["libasound.so.2", "libc.so.6"])
    }

    @Test func podInitIsStaticAndSmall() throws {
        let file = LabBroker.repository.appending("build/pod-init")
        let headers = String(
            decoding: try Pipeline.output(of: Command("readelf", ["-lW", file.string])), as: UTF8.self)
        #expect(!headers.contains("INTERP"))
        #expect(try Files.size(of: file) < 2 << 20)
    }
}
