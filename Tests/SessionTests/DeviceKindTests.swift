import DeviceStore
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct DeviceKindTests {
        /// Moves a program there and back; nothing of the device is left mounted on either host.
        private func move(_ hosts: TestHosts) throws {
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo kept > /root/file; ln -s file /root/link"])
            for (from, to) in [(hosts.a, hosts.b), (hosts.b, hosts.a)] {
                try from.suspend()
                #expect(from.leftovers() == [])
                #expect(mounts(of: from) == [])
                try to.resume()
                #expect(try to.count().nonce == nonce)
                #expect(try to.must(["exec", "p", "--", "cat", "/root/link"]) == "kept\n")
            }
            try hosts.a.must(["stop", "--time", "0", "p"])
            #expect(mounts(of: hosts.a) == [])
        }

        private func mounts(of host: TestHost) -> [FilePath] { MountTable.places(below: host.runtime) }

        @Test(arguments: [TestDisk.Kind.ext4, .btrfs, .xfs])
        func aFolderOfALinuxFileSystemIsADeviceAsItIs(kind: TestDisk.Kind) throws {
            let disk = try TestDisk(kind, megabytes: 512)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            #expect(try Files.list(hosts.device) == ["bases", "mediapod.json", "pods"])
            try move(hosts)
        }

        @Test(arguments: [TestDisk.Kind.btrfs, .xfs])
        func aCheckpointsCopyOfTheFilesSharesTheirBlocks(kind: TestDisk.Kind) throws {
            let disk = try TestDisk(kind, megabytes: 512)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            try hosts.a.up()
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "head -c 100000000 /dev/urandom > /root/big"])
            let device = try Device.open(hosts.device)
            func free() throws -> Int64 {
                try Files.syncFileSystem(at: hosts.device)
                return Int64(try device.freeBytes())
            }
            let before = try free()
            try hosts.a.must(["checkpoint", "p"])
            let after = try free()
            #expect(before - after < 50_000_000, "\(before - after) bytes")
            let layers = hosts.device.appending("pods/p/layers")
            let copies = try Files.list(layers).map { layers.appending("\($0)/upper/root/big") }.filter(
                Files.isRegularFile)
            #expect(copies.count == 2, "the pod's own, and the session's")
            for copy in copies {
                let said = try Pipeline.output(of: Command("/usr/sbin/filefrag", ["-v", copy.string]))
                let extents = String(decoding: said, as: UTF8.self).split(separator: "\n").filter { line in
                    line.contains("..") && line.contains(":")
                }
                #expect(!extents.isEmpty && extents.allSatisfy { $0.contains("shared") }, "\(extents)")
            }
            try hosts.a.must(["stop", "--time", "0", "p"])
        }

        @Test(arguments: [TestDisk.Kind.exfat, .ntfs])
        func onAFileSystemWithoutUnixMetadataTheDeviceIsOneFile(kind: TestDisk.Kind) throws {
            let disk = try TestDisk(kind, megabytes: 300)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            #expect(try Files.list(hosts.device) == ["mediapod.ext4", "mediapod.json"])
            #expect(try hosts.a.must(["device", "init", hosts.device.string]).contains("already a device"))
            try move(hosts)
            var status = stat()
            let file = hosts.device.appending("mediapod.ext4")
            #expect(stat(file.string, &status) == 0)
            let hasHoles = status.st_blocks * 512 < status.st_size / 2
            #expect(hasHoles == (kind == .ntfs), "what is not used takes no room, where files can have holes")
            try hosts.a.must(["rm", "p"])
            // Nothing holds it.
            try disk.unmount()
        }

        @Test func twoRuntimesOfOneHostSeeOneImage() throws {
            let disk = try TestDisk(.ntfs, megabytes: 300)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            try hosts.a.up()
            #expect(try hosts.b.must(["list"]).contains("running"))
            let refused = try hosts.b.run(["resume", "p"])
            #expect(refused.code == 1 && refused.line?.contains(hosts.a.runtime.string) == true, "\(refused.error)")
            #expect(mounts(of: hosts.b) == [], "no longer than its commands")
            let image = hosts.device.appending("mediapod.ext4").string
            let loops = try Files.list("/sys/block").filter { name in
                (try? Files.text(FilePath("/sys/block/\(name)/loop/backing_file")))?.hasPrefix(image) == true
            }
            #expect(loops.count == 1, "two page caches of one file would be its end")
            _ = try hosts.a.count()
            // Its supervisor dies: the device stays as long as the pod.
            let text = try hosts.a.must(["inspect", "p", "--format", "json"])
            let line = try #require(text.split(separator: "\n").first { $0.contains("\"supervisor_pid\"") })
            kill(try #require(Int32(line.filter(\.isNumber))), SIGKILL)
            #expect(try hosts.a.must(["exec", "p", "--", "echo", "here"]) == "here\n")
            try hosts.a.suspend()
            #expect(mounts(of: hosts.a) == [])
        }

        @Test func anImageGrowsWithWhatComesIntoIt() throws {
            let disk = try TestDisk(.exfat, megabytes: 300)
            let device = disk.mountPoint.appending("device")
            let host = TestHost(runtime: disk.mountPoint.removingLastComponent().appending("host"), device: device)
            try host.must(["device", "init", "--size", "64M", device.string])
            let image = device.appending("mediapod.ext4")
            #expect(try Files.size(of: image) == 64 << 20)
            try host.must(["create", "p", "--rootfs", try TestTree.folder.get().string])
            // Where root may not, nothing is taken from what else is there, and it is said.
            host.prefix = ["setpriv", "--bounding-set", "-sys_resource"]
            try host.up()
            #expect(try Files.size(of: image) == 64 << 20)
            let said = try host.must(["check", "p"])
            #expect(said.contains("CAP_SYS_RESOURCE"), "\(said)")
            try host.must(["stop", "--time", "0", "p"])
            host.prefix = []
            if Capability.systemResources.isHeld {
                try host.up(["sh", "-c", "head -c 100000000 /dev/zero > /root/zeroes; witness count /root/count"])
                let came = Wait.until(milliseconds: 30_000) { (try? host.count()) != nil }
                #expect(came)
                #expect(try host.must(["exec", "p", "--", "wc", "-c", "/root/zeroes"]) == "100000000 /root/zeroes\n")
                #expect(try Files.size(of: image) > 64 << 20)
                try host.must(["stop", "--time", "0", "p"])
            }
            try host.must(["rm", "p"])
        }

        @Test func anImageIsNoLargerThanItsFileSystemsFilesCanBe() throws {
            let disk = try TestDisk(.ntfs, megabytes: 300)
            let device = disk.mountPoint.appending("device")
            let host = TestHost(runtime: disk.mountPoint.removingLastComponent().appending("host"), device: device)
            // As FAT's at 4 GiB.
            host.prefix = ["prlimit", "--fsize=\(100 << 20)"]
            try host.must(["device", "init", device.string])
            #expect(try Files.size(of: device.appending("mediapod.ext4")) == 100 << 20)
            host.prefix = ["prlimit", "--fsize=\(10 << 20)"]
            let small = disk.mountPoint.appending("small")
            let said = try host.run(["device", "init", small.string])
            #expect(said.code == 1 && said.line?.contains("of no use") == true, "\(said.error)")
            #expect(try Files.list(small) == [])
        }

        @Test func aBlockDeviceIsUsedByItsPath() throws {
            let disk = try TestDisk(.blank, megabytes: 300)
            let folder = try LabFolder("mediapod-block")
            let host = TestHost(runtime: folder.appending("A"), device: disk.device)
            func refuse(_ arguments: [String], _ words: String) throws {
                let said = try host.run(["device", "init"] + arguments + [disk.device.string])
                #expect(said.code == 1 && said.line?.contains(words) == true, "\(said.error)")
            }
            try refuse([], "has nothing on it; make a file system on it")
            // One partition, of type 83: a boot record's last 66 bytes.
            try write(
                [0x80, 0, 2, 0, 0x83, 0, 3, 0, 0, 8, 0, 0, 0, 0, 1, 0] + Array(repeating: 0, count: 48)
                    + [0x55, 0xaa], at: 446, of: disk)
            try refuse([], "has partitions (dos)")
            try refuse(["--format"], "wipefs")
            _ = try Pipeline.output(of: Command("wipefs", ["--all", "--quiet", disk.device.string]))
            _ = try Pipeline.output(of: Command("mkswap", [disk.device.string]))
            try refuse([], "no file system on it, but swap")
            try refuse(["--format"], "wipefs")
            _ = try Pipeline.output(of: Command("wipefs", ["--all", "--quiet", disk.device.string]))

            try host.must(["device", "init", "--format", disk.device.string])
            #expect(mounts(of: host) == [])
            let hosts = try TestHosts(device: disk.device)
            hosts.keeps = disk
            try move(hosts)
            try hosts.a.must(["rm", "p"])
            // As it is plugged into a host that does not know it.
            let other = TestHost(runtime: folder.appending("C"), device: disk.device)
            #expect(try other.must(["list"]).contains("no pods on \(disk.device) yet"))
        }

        private func write(_ bytes: [UInt8], at offset: Int64, of disk: TestDisk) throws {
            let file = OwnedDescriptor(adopting: try retrying { open(disk.device.string, O_WRONLY | O_CLOEXEC) })
            try retrying { pwrite(file.number, bytes, bytes.count, off_t(offset)) }
            try retrying { fsync(file.number) }
        }

        @Test func whatALabelSaysOfAnImageLeadsNowhereElse() throws {
            let disk = try TestDisk(.ntfs, megabytes: 300)
            let folder = try LabFolder("mediapod-label")
            let devices = ["one", "two"].map { disk.mountPoint.appending($0) }
            let host = TestHost(runtime: folder.appending("A"), device: devices[0])
            for device in devices { try host.must(["device", "init", "--size", "64M", device.string]) }
            func refuse(_ words: String) throws {
                let said = try host.run(["list"])
                #expect(said.code == 1 && said.line?.contains(words) == true, "\(said.error)")
                #expect(mounts(of: host) == [])
            }
            let label = devices[0].appending("mediapod.json")
            let whole = try Files.read(label, limit: 1000)
            for (from, to) in [
                ("mediapod.ext4", "../two/mediapod.ext4"), ("mediapod.ext4", "/etc/passwd"),
                ("\"id\" : \"", "\"id\" : \"../../"),
            ] {
                let text = String(decoding: whole, as: UTF8.self)
                try Files.write(label, Array(text.replacing(from, with: to).utf8), permissions: .ownerReadWrite)
                try refuse("is damaged: it names no image")
            }
            try Files.write(label, whole, permissions: .ownerReadWrite)
            let images = devices.map { $0.appending("mediapod.ext4") }
            try Files.move(images[0], to: disk.mountPoint.appending("aside"))
            try refuse("is missing")
            try Files.move(images[1], to: images[0])
            try refuse("is another device's image")
            try Files.write(images[0], Array(repeating: 7, count: 1 << 20), permissions: .ownerReadWrite)
            try refuse("e2fsck")
            try Files.move(disk.mountPoint.appending("aside"), to: images[0])
            #expect(try host.must(["list"]).contains("no pods"))
        }

        @Test func aPodOfAContainerImageMovesToo() throws {
            let hosts = try TestHosts()
            try hosts.a.must(["rm", "p"])
            let script = """
                cd "$1"
                umoci init --layout image && umoci new --image image:it && umoci unpack --image image:it bundle
                cp -a "$2/." bundle/rootfs/ && umoci repack --image image:it bundle
                umoci config --image image:it --config.env GREETING='good day'
                """
            let tree = try TestTree.folder.get().string
            _ = try Pipeline.output(of: Command("sh", ["-euc", script, "sh", hosts.folder.path.string, tree]))
            let image = "oci:\(hosts.folder.path)/image:it"
            try hosts.a.must(["create", "p", "--oci", image])
            #expect(try hosts.a.must(["create", "twin", "--oci", image]).contains("is on the device already"))
            try hosts.a.must(["rm", "twin"])
            #expect(try hosts.a.run(["create", "q", "--oci", "docker://debian"]).code == 64)
            try hosts.a.up()
            #expect(try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo $GREETING"]) == "good day\n")
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }
    }
}
