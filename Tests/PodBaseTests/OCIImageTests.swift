import DeviceStore
import DeviceTestSupport
import Glibc
import LinuxSystem
import PodBase
import SystemPackage
import Testing

extension BaseBuilderTests {
    /// An image of two layers, the higher of which removes, replaces and adds. There is no registry: umoci makes it here.
    private func makeImage(in folder: FilePath) throws -> FilePath {
        let script = """
            cd "$1"
            umoci init --layout image
            umoci new --image image:low
            umoci unpack --image image:low one
            mkdir -p one/rootfs/usr/bin one/rootfs/etc one/rootfs/var/old one/rootfs/opt/all
            echo hello > one/rootfs/usr/bin/hello
            chown 33:44 one/rootfs/usr/bin/hello
            chmod 2750 one/rootfs/usr/bin/hello
            setfattr -n user.kind -v greeting one/rootfs/usr/bin/hello 2>/dev/null || true
            echo gone > one/rootfs/etc/gone
            echo low > one/rootfs/etc/changed
            echo old > one/rootfs/var/old/file
            echo a > one/rootfs/opt/all/a
            ln -s /etc/shadow one/rootfs/etc/resolv.conf
            umoci repack --image image:low one
            umoci unpack --image image:low two
            rm two/rootfs/etc/gone
            echo high > two/rootfs/etc/changed
            rm -r two/rootfs/opt/all
            mkdir two/rootfs/opt/all
            echo b > two/rootfs/opt/all/b
            umoci repack --image image:high two
            umoci config --image image:high --config.env GREETING='good day' --config.env PATH=/opt/bin:/usr/bin
            skopeo --insecure-policy copy --quiet oci:image:high docker-archive:docker.tar:greeter:high
            skopeo --insecure-policy copy --quiet oci:image:high oci-archive:oci.tar:high
            """
        _ = try Pipeline.output(of: Command("sh", ["-euc", script, "sh", folder.string]))
        return folder
    }

    @Test("is made of a container image, with what its higher layers remove gone, and is stored once")
    func image() throws {
        try withFolder { folder in
            let images = try makeImage(in: folder)
            let device = try Device.initialize(at: folder.appending("device"))
            var digests: [String] = []
            for reference in [
                "oci:\(images)/image:high", "docker-archive:\(images)/docker.tar", "oci-archive:\(images)/oci.tar",
            ] {
                let image = try #require(OCIImage(reference))
                let base = try BaseBuilder.build(.image(image), on: device, pod: "x") { _ in }
                #expect(base.environment == ["GREETING=good day", "PATH=/opt/bin:/usr/bin"])
                #expect(base.isOld == !digests.isEmpty, "\(reference)")
                digests.append(base.digest)
            }
            #expect(Set(digests).count == 1)
            #expect(try device.bases() == [digests[0]])
            #expect(try Files.list(device.root.appending("bases")).count == 1, "nothing of the building is left")

            let out = folder.appending("out")
            try unpack(device, digests[0], to: out)
            #expect(try Files.kind(of: out.appending("etc/gone")) == nil)
            #expect(try Files.list(out.appending("etc")).allSatisfy { !$0.hasPrefix(".wh.") })
            #expect(try text(out.appending("etc/changed")) == "high\n")
            #expect(try text(out.appending("var/old/file")) == "old\n")
            #expect(try Files.list(out.appending("opt/all")) == ["b"])
            #expect(try text(out.appending("etc/resolv.conf")) == "nameserver 10.0.2.3\n", "its own, not a link's")
            #expect(try text(out.appending("usr/lib/mediapod/pod-init")) == "init")
            var state = stat()
            #expect(lstat(out.appending("usr/bin/hello").string, &state) == 0)
            #expect(state.st_uid == 33 && state.st_gid == 44 && state.st_mode & 0o7777 == 0o2750)
        }
    }

    @Test("is not made of an image that is not there, or is none")
    func wrongImages() throws {
        for reference in ["", "oci", "oci:", "docker://debian", "dir:/tmp", "/tmp/image", "docker-archive"] {
            #expect(OCIImage(reference) == nil, "\(reference)")
        }
        try withFolder { folder in
            let device = try Device.initialize(at: folder.appending("device"))
            let file = folder.appending("file")
            try Files.replace(file, with: Array(repeating: 7, count: 10_000))
            for reference in [
                "oci:\(folder)/nowhere", "docker-archive:\(file)", "oci-archive:\(file)", "oci:\(folder):x",
            ] {
                let image = try #require(OCIImage(reference))
                let said = message { _ = try BaseBuilder.build(.image(image), on: device, pod: "x") { _ in } }
                #expect(said.hasPrefix("cannot build the base of pod x: the image \(reference): "), "\(said)")
                #expect(said.hasSuffix("; check the name, and the file") && !said.contains("\n"), "\(said)")
                #expect(try Files.list(device.root.appending("bases")) == [])
            }
        }
    }
}
