import DeviceStore
import Glibc
import LinuxSystem
import SoundControl
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct FailureTests {
        /// The session runs on: the same program, and it counts.
        private func expectRunning(_ host: TestHost, _ before: TestHost.Count) throws {
            let now = try host.count()
            #expect(now.nonce == before.nonce)
            usleep(100_000)
            #expect(try host.count().value > now.value)
        }

        @Test func whatIsNotRunningCannotBeSuspendedAndWhatIsNotSuspendedNotResumed() throws {
            let hosts = try TestHosts()
            for verb in ["suspend", "resume", "stop"] {
                let said = try hosts.a.run([verb, TestHosts.pod])
                #expect(said.code == 1 && said.line != nil, "\(said.error)")
            }
            #expect(hosts.a.leftovers() == [])
            try hosts.a.up()
            #expect(try hosts.a.run(["run", TestHosts.pod, "--detach", "--sound", "null"]).code == 125)
            #expect(try hosts.a.run(["resume", TestHosts.pod]).code == 1)
            try hosts.a.suspend()
            let run = try hosts.a.run(["run", TestHosts.pod, "--detach", "--sound", "null"])
            #expect(run.code == 125 && run.line?.contains("mediapod resume p") == true)
            #expect(try hosts.a.run(["stop", TestHosts.pod]).code == 1)
            try hosts.a.must(["stop", "--discard", TestHosts.pod])
            #expect(try hosts.a.run(["resume", TestHosts.pod]).code == 1)
            #expect(try hosts.a.run(["resume", TestHosts.pod, "--sound", "loud"]).line?.contains("null") == true)
        }

        @Test func whenCriuCannotStartTheSessionRunsOn() throws {
            let hosts = try TestHosts()
            let fake = hosts.folder.appending("criu")
            let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Version: 4.2' || exit 1\n"
            try Files.write(fake, Array(script.utf8), permissions: [.ownerReadWriteExecute])
            try hosts.a.up()
            let before = try hosts.a.count()
            hosts.a.environment = ["MEDIAPOD_CRIU=\(fake.string)"]
            let said = try hosts.a.run(["suspend", TestHosts.pod])
            #expect(said.code == 1 && said.line?.contains("the session runs on") == true, "\(said.error)")
            hosts.a.environment = ["MEDIAPOD_CRIU=/nowhere/criu"]
            #expect(try hosts.a.run(["suspend", TestHosts.pod]).line?.contains("/nowhere/criu") == true)
            hosts.a.environment = []
            try expectRunning(hosts.a, before)
            try hosts.a.suspend()
            // The same on the way back: the session stays on the device, and nothing here.
            hosts.b.environment = ["MEDIAPOD_CRIU=\(fake.string)"]
            let resumed = try hosts.b.run(["resume", TestHosts.pod, "--detach", "--sound", "null"])
            #expect(resumed.code == 1 && resumed.line?.contains("on the device as it was") == true, "\(resumed.error)")
            #expect(hosts.b.leftovers() == [])
            hosts.b.environment = []
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        @Test func whatCriuCannotDumpIsSaidInItsOwnWords() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            let outside = hosts.a.runtime.appending("pods/p/host/guest/outside")
            let listener = try UnixSocket.listen(
                at: outside, kind: .stream, permissions: .init(rawValue: 0o666))
            try hosts.a.must(["exec", "--detach", TestHosts.pod, "--", "witness", "hold", "/run/mediapod/outside"])
            #expect(Wait.readable(listener.number, milliseconds: 10_000))
            let connection = try UnixSocket.accept(from: listener)
            let said = try hosts.a.run(["suspend", TestHosts.pod])
            #expect(said.code == 1 && said.line != nil)
            #expect(said.error.contains("unix") && said.error.contains("p-dump.log"), "\(said.error)")
            try expectRunning(hosts.a, before)
            _ = consume connection
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [], "the log of a failure that is over is gone, too")
        }

        /// A server that is just starting: CRIU cannot dump what waits for it.
        @Test func aConnectionThatIsAcceptedLateDelaysASuspendAndOneThatNeverIsPreventsIt() throws {
            let hosts = try TestHosts()
            func up(_ milliseconds: String, _ file: String) throws {
                try hosts.a.up(["witness", "late", milliseconds, file])
                try waitUntil("it waits") { (try? hosts.a.count(file)) != nil }
            }
            try up("300", "/root/late-count")
            try hosts.a.suspend()
            try hosts.b.resume()
            try waitUntil("it was accepted") { try hosts.b.count("/root/late-count").value > 0 }
            try hosts.b.must(["stop", "--time", "0", TestHosts.pod])

            try up("1000000", "/root/never-count")
            let said = try hosts.a.run(["suspend", TestHosts.pod])
            #expect(said.code == 1 && said.error.contains("in-flight"), "\(said.error)")
            #expect(said.error.contains("the session runs on"))
            #expect(try hosts.a.must(["exec", TestHosts.pod, "--", "echo", "here"]) == "here\n")
        }

        @Test func whenTheDeviceIsFullTheSessionRunsOn() throws {
            let disk = try SmallDisk(megabytes: 64)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            // Swift may let go of it after its last use, and the hosts end their pods with theirs.
            hosts.keeps = disk
            try hosts.a.up()
            try hosts.a.must(["exec", "--detach", TestHosts.pod, "--", "witness", "fill", "16000000"])
            let before = try hosts.a.count()
            usleep(500_000)
            try disk.fill(leavingMegabytes: 6)
            let said = try hosts.a.run(["suspend", TestHosts.pod])
            #expect(said.code == 1 && said.line?.contains("full") == true, "\(said.error)")
            #expect(said.error.contains("the session runs on"))
            try expectRunning(hosts.a, before)
            try disk.empty()
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == before.nonce)
            try hosts.b.must(["stop", TestHosts.pod])
        }

        @Test func aDamagedOrNewerSessionIsRefusedBeforeAnythingIsStarted() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let session = hosts.device.appending("pods/p/sessions/1")
            for (name, change) in [
                ("state", "printf x | dd of=\"$1\" bs=1 seek=1000 conv=notrunc status=none"),
                ("state", "truncate -s -10 \"$1\""),
                ("manifest.json", "sed -i 's/\"format_version\" : 3/\"format_version\" : 99/' \"$1\""),
                ("manifest.json", "echo '{' > \"$1\""),
            ] {
                let file = session.appending(name)
                let whole = try Files.read(file, limit: 1 << 26)
                _ = try Pipeline.output(of: Command("sh", ["-c", change, "sh", file.string]))
                let said = try hosts.b.run(["resume", TestHosts.pod, "--detach", "--sound", "null"])
                #expect(said.code == 1 && said.line?.contains("session 1") == true, "\(said.error)")
                #expect(hosts.b.leftovers() == [])
                try Files.write(file, whole, permissions: .ownerReadWrite)
            }
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func soundRecordsOfANewerVersionAreRefusedWithTheirVersionAndWhatToDo() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            let file = hosts.device.appending("pods/p/sessions/1/manifest.json")
            let whole = try Files.read(file, limit: 1 << 20)
            var manifest = try Device.open(hosts.device).pod(TestHosts.pod).manifest(ofSession: 1)
            manifest.sound.version = 99
            try Files.write(file, try manifest.encoded(), permissions: .ownerReadWrite)
            let said = try hosts.b.run(["resume", TestHosts.pod, "--detach", "--sound", "null"])
            #expect(said.code == 1)
            let line = try #require(said.line)
            #expect(line.contains("sound records are of version 99, not 2: resume it with a newer MediaPod"), "\(line)")
            #expect(hosts.b.leftovers() == [])
            try Files.write(file, whole, permissions: .ownerReadWrite)
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }
    }
}

/// A file system of its own, small enough to be full.
final class SmallDisk {
    private let folder: LabFolder
    var mountPoint: FilePath { folder.appending("mounted") }

    init(megabytes: Int) throws {
        folder = try LabFolder("mediapod-disk")
        try Self.run(
            "truncate -s \(megabytes)M \"$1/image\" && mkfs.ext4 -q -m 0 \"$1/image\" && mkdir \"$1/mounted\" && mount -o loop \"$1/image\" \"$1/mounted\"",
            folder.path)
    }

    deinit { _ = try? Self.run("umount -l \"$1/mounted\"", folder.path) }

    func fill(leavingMegabytes left: Int) throws {
        try Self.run(
            "free=$(df --output=avail -m \"$1/mounted\" | tail -1); fallocate -l $((free - \(left)))M \"$1/mounted/filler\"",
            folder.path)
    }

    /// How much is free, at most.
    func fill(leavingKilobytes left: Int) throws {
        try Self.run(
            """
            rm -f "$1/mounted/filler"; sync -f "$1/mounted"
            free=$(df --output=avail -k "$1/mounted" | tail -1); fallocate -l $((free - \(left)))K "$1/mounted/filler"
            """, folder.path)
    }

    /// "ro" or "rw".
    func remount(_ how: String) throws { try Self.run("mount -o remount,\(how) \"$1/mounted\"", folder.path) }

    func empty() throws { try Self.run("rm \"$1/mounted/filler\"", folder.path) }

    private static func run(_ script: String, _ path: FilePath) throws {
        _ = try Pipeline.output(of: Command("sh", ["-c", script, "sh", path.string]))
    }
}
