import Checkpoint
import DeviceStore
import Glibc
import LinuxSystem
import Pod
import Session
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct VanishTests {
        /// A disk with a pod that was suspended once, and the number that only its program knows.
        private static let suspended: Result<(bytes: [UInt8], nonce: Substring), any Error> = Result {
            let disk = try RecordingDisk()
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            // The witness ends with the first write that fails, and must not take the pod with it.
            try hosts.a.up(["sleep", "1000000"])
            try hosts.a.must(["exec", "--detach", "p", "--", "witness", "count", "/root/count"])
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo old > /root/file"])
            try waitUntil("it counts") { (try? hosts.a.count()) != nil }
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try Files.syncFileSystem(at: disk.mountPoint)
            return (try disk.bytes(), nonce)
        }

        /// The pod, running on a disk that may vanish.
        private final class Place {
            let disk: RecordingDisk
            let folder: LabFolder
            let host: TestHost
            let nonce: Substring

            init() throws {
                let (bytes, nonce) = try VanishTests.suspended.get()
                self.nonce = nonce
                disk = try RecordingDisk(holding: bytes)
                folder = try LabFolder("mediapod-vanish")
                host = TestHost(runtime: folder.appending("A"), device: disk.mountPoint.appending("device"))
                try host.resume()
                try host.must(["exec", "p", "--", "sh", "-c", "echo new > /root/file"])
                try Files.syncFileSystem(at: disk.mountPoint)
            }

            deinit { _ = try? host.run(["stop", "--time", "0", "p"]) }

            /// What the next host finds on the device, once it is there again.
            func expectSession(in sessions: Set<Int>, _ name: String) throws {
                let bytes = try disk.bytes()
                disk.end()
                let image = try CrashImage(bytes)
                let next = TestHost(runtime: folder.appending("B"), device: image.mountPoint.appending("device"))
                let pod = try Device.open(next.device).pod("p")
                let current = try #require(try pod.currentSessionNumber())
                #expect(sessions.contains(current), "\(name)")
                defer { _ = try? next.run(["stop", "--time", "0", "p"]) }
                let said = try next.run(["resume", "p", "--detach", "--sound", "null"])
                #expect(said.code == 0, "\(name): \(said.error)")
                #expect(try next.count().nonce == nonce, "\(name)")
                let text = try next.must(["exec", "p", "--", "cat", "/root/file"])
                #expect(text == (current == 1 ? "old\n" : "new\n"), "\(name)")
                if current == 1 {
                    #expect(try said.error.contains("mediapod recover p") || pod.sessions() == [1, 2], "\(name)")
                }
            }
        }

        @Test(arguments: [0, 1, 3, 6, 10, 15, 20, 26, 32, 40, 50, 60, 80])
        func aDeviceMayVanishAtAnyWriteOfASuspend(records: Int) throws {
            let place = try Place()
            place.disk.vanish(afterRecords: records)
            let said = try place.host.run(["suspend", "p"])
            if said.code == 0 {
                // It went only when all was done.
                #expect(place.host.leftovers() == [])
                return try place.expectSession(in: [2], "\(records)")
            }
            #expect(said.code == 1 && said.line?.contains("the session runs on") == true, "\(said.error)")
            let stop = try place.host.run(["stop", "--time", "1", "p"])
            #expect(stop.code == 0 && stop.line?.contains("goes back to its last suspend") == true, "\(stop.error)")
            #expect(place.host.leftovers().filter { $0 != "pods/p" && !$0.hasSuffix(".log") } == [])
            try place.expectSession(in: [1, 2], "\(records)")
        }

        @Test func aPodWhoseDeviceVanishedIsFoundAndStopped() throws {
            let place = try Place()
            place.disk.vanish(afterRecords: 0)
            // Until the kernel knows, too.
            _ = try? Files.write(
                place.disk.mountPoint.appending("x"), [1], permissions: .ownerReadWrite)
            let said = try place.host.run(["stop", "--time", "1", "p"])
            #expect(said.code == 0 && said.output == "pod p stopped\n", "\(said.error)")
            #expect(said.line?.contains("goes back to its last suspend") == true, "\(said.error)")
            #expect(place.host.leftovers().filter { $0 != "pods/p" } == [])
            try place.expectSession(in: [1], "stopped")
        }

        @Test func aPodThatEndsAfterItsDeviceVanishedLeavesNothing() throws {
            let place = try Place()
            let folder = RuntimeFolder(place.host.runtime).pod("p")
            let process = try #require(try PodRuntime.readState(folder)?.initProcess)
            place.disk.vanish(afterRecords: 0)
            _ = try? Files.write(
                place.disk.mountPoint.appending("x"), [1], permissions: .ownerReadWrite)
            process.signal(SIGKILL)
            let isGone = Wait.until(milliseconds: 20_000) {
                place.host.leftovers().filter { $0 != "pods/p" }.isEmpty
            }
            #expect(isGone, "\(place.host.leftovers())")
            try place.expectSession(in: [1], "ended")
        }

        /// `kill -9` of the engine when so many of its writes have reached the device.
        @Test(arguments: [1, 4, 8, 12, 18, 25, 35, 45, 60])
        func anEngineMayBeKilledAtAnyWriteOfASuspend(records: Int) throws {
            let place = try Place()
            let first = place.disk.count
            let suspend = try Attached(["suspend", "p"], on: place.host)
            _ = Wait.until(milliseconds: 5000) { place.disk.count >= first + records }
            suspend.kill()
            _ = try suspend.end()
            // Whoever comes next puts it right, and the pod runs or is suspended.
            try place.host.run(["exec", "p", "--", "sh", "-c", ":"])
            let isRunning = try place.host.run(["exec", "p", "--", "cat", "/root/count"]).code == 0
            if !isRunning {
                #expect(place.host.leftovers() == [])
                try place.host.resume()
            }
            #expect(try place.host.count().nonce == place.nonce)
            #expect(try place.host.must(["exec", "p", "--", "cat", "/root/file"]) == "new\n")
            try place.host.suspend()
            try Files.syncFileSystem(at: place.disk.mountPoint)
            try place.expectSession(in: [2, 3], "\(records)")
        }
    }
}
