import LinuxSystem
import SoundLab
import SystemPackage
import Testing

@Suite struct PluginTests {
    /// They are loaded into foreign programs, so they must bring nothing along.
    @Test(arguments: ["pcm", "ctl"]) func thePluginsNeedNothingButLibasoundAndLibc(kind: String) throws {
        let plugin = LabBroker.plugins.pushing(FilePath("libasound_module_\(kind)_mediapod.so"))
        let dynamic = String(
            decoding: try Pipeline.output(of: Command("readelf", ["-d", plugin.string])), as: UTF8.self)
        let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }.compactMap {
            $0.split(separator: "[").last?.split(separator: "]").first.map(String.init)
        }
        #expect(Set(needed) == ["libasound.so.2", "libc.so.6"])
    }

    @Test func podsGetBothPluginsAndTheirConfiguration() throws {
        let guest = LabBroker.repository.appending("build/guest")
        let multiarch = String(decoding: try Pipeline.output(of: Command("gcc", ["-print-multiarch"])), as: UTF8.self)
        let folder = guest.pushing("usr/lib").pushing(FilePath(multiarch.filter { !$0.isWhitespace }))
        for kind in ["pcm", "ctl"] {
            #expect(Files.isRegularFile(folder.pushing(FilePath("alsa-lib/libasound_module_\(kind)_mediapod.so"))))
        }
        for (file, type) in [("50-mediapod", "mediapod"), ("99-mediapod-default", "!default")] {
            let bytes = try Files.read(guest.pushing(FilePath("etc/alsa/conf.d/\(file).conf")), limit: 1 << 16)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains("pcm.\(type)") && text.contains("ctl.\(type)"))
        }
    }

    @Test func podInitIsStaticAndSmall() throws {
        let file = LabBroker.repository.appending("build/pod-init")
        let headers = String(
            decoding: try Pipeline.output(of: Command("readelf", ["-lW", file.string])), as: UTF8.self)
        #expect(!headers.contains("INTERP"))
        #expect(try Files.size(of: file) < 2 << 20)
    }
}
