import LinuxSystem
import SoundLab
import SystemPackage
import Testing

@Suite struct PluginTests {
    /// They are loaded into foreign programs, so they must bring nothing along.
    @Test(arguments: ["pcm", "ctl"])
    func aPluginNeedsNothingButLibasoundAndLibc(kind: String) throws {
        let plugin = LabBroker.repository.appending("build/alsa-plugin/libasound_module_\(kind)_mediapod.so")
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
