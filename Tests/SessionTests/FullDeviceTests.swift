import Checkpoint
import DeviceStore
import Glibc
import LinuxSystem
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct FullDeviceTests {
        /// Devices that are full at one write of a suspend after the other, from the first of the stream to the last of the
        /// commit.
        @Test func aDeviceMayBeFullAtAnyWriteOfASuspend() throws {
            let disk = try SmallDisk(megabytes: 64)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            try hosts.a.up()
            // More than the suspend asks for before it begins, so that it runs into the end.
            try hosts.a.must(["exec", "--detach", "p", "--", "witness", "fill", "3000000"])
            let nonce = try hosts.a.count().nonce
            usleep(300_000)
            try hosts.a.must(["suspend", "p", "--keep", "1"])
            try hosts.a.resume()
            let pod = try Device.open(hosts.device).pod("p")
            var refused = 0
            /// Whether a suspend succeeds with so much space left.
            func suspends(_ kilobytes: Int) throws -> Bool {
                let old = try #require(try pod.currentSession())
                let before = try hosts.a.count()
                try disk.fill(leavingKilobytes: kilobytes)
                // All of it: what has changed since is little.
                let said = try hosts.a.run(["suspend", "p", "--full"])
                if said.code == 0 {
                    try disk.empty()
                    try hosts.a.resume()
                    #expect(try hosts.a.count().nonce == nonce, "\(kilobytes) kB")
                    return true
                }
                refused += 1
                #expect(said.code == 1 && said.line?.contains("full") == true, "\(kilobytes) kB: \(said.error)")
                #expect(said.error.contains("the session runs on"))
                #expect(try pod.currentSession() == old && pod.sessions() == [old.number], "\(kilobytes) kB")
                try StreamReader.verify(old, of: pod)
                try disk.empty()
                let now = try hosts.a.count()
                #expect(now.nonce == nonce && now.value > before.value, "\(kilobytes) kB: it runs on")
                return false
            }
            for kilobytes in stride(from: 1100, through: 2700, by: 400) { #expect(try !suspends(kilobytes)) }
            var (low, high) = (2700, 6000)
            #expect(try suspends(high))
            while high - low > 8 {
                let middle = (low + high) / 2
                if try suspends(middle) { high = middle } else { low = middle }
            }
            // The last writes: manifest, folders, and what says which session resumes.
            for kilobytes in stride(from: high - 60, through: high, by: 6) { _ = try suspends(kilobytes) }
            #expect(refused >= 15)
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [])
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
            try hosts.b.must(["stop", "--time", "0", "p"])
        }
    }
}
