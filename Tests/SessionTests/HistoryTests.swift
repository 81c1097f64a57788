import DeviceStore
import FoundationEssentials
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct HistoryTests {
        private struct Kept: Decodable, Equatable {
            var session: Int
            var current: Bool
            var parent: Int?
        }

        private func history(_ host: TestHost) throws -> [Kept] {
            let text = try host.must(["history", TestHosts.pod, "--format", "json"])
            return try JSONDecoder().decode([Kept].self, from: Data(text.utf8))
        }

        private func write(_ text: String, _ host: TestHost) throws {
            try host.must([
                "exec", "p", "--", "sh", "-c", "echo \(text) > /root/file; echo \(text) > /root/only-\(text)",
            ])
        }

        private func text(_ host: TestHost, pod: String = "p") throws -> String {
            try host.must(["exec", pod, "--", "sh", "-c", "cat /root/file; ls /root | cat"])
        }

        @Test func aPodGoesBackToAKeptSessionWithItsMemoryAndItsFiles() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            var counts: [TestHost.Count] = []
            for text in ["one", "two", "three"] {
                try write(text, hosts.a)
                counts.append(try hosts.a.count())
                try hosts.a.suspend()
                try hosts.a.resume()
            }
            #expect(
                try history(hosts.a) == [
                    Kept(session: 1, current: false), Kept(session: 2, current: false, parent: 1),
                    Kept(session: 3, current: true, parent: 2),
                ])
            try hosts.a.suspend()

            try hosts.b.must(["resume", "p", "--at", "2", "--detach", "--sound", "null"])
            #expect(try text(hosts.b) == "two\ncount\nfile\nonly-one\nonly-two\n")
            let back = try hosts.b.count()
            #expect(back.nonce == counts[0].nonce && back.value >= counts[1].value)
            // Wherever its host crashes now, it goes back to that.
            #expect(try history(hosts.b).first(where: \.current)?.session == 2)
            try write("other", hosts.b)
            try hosts.b.suspend()
            #expect(try history(hosts.b).last == Kept(session: 5, current: true, parent: 2))

            // Nothing of the sessions that came after it is lost.
            try hosts.a.must(["resume", "p", "--at", "3", "--detach", "--sound", "null"])
            #expect(try text(hosts.a) == "three\ncount\nfile\nonly-one\nonly-three\nonly-two\n")
            try hosts.a.must(["stop", "p"])
            let said = try hosts.a.run(["resume", "p"])
            #expect(said.code == 1 && said.line?.contains("--at 5") == true, "\(said.error)")
            let unknown = try hosts.a.run(["resume", "p", "--at", "9"])
            #expect(unknown.line == "mediapod: pod p has no session 9; there are: 1, 2, 3, 4, 5")
            try hosts.a.must(["resume", "p", "--at", "5", "--detach", "--sound", "null"])
            #expect(try text(hosts.a) == "other\ncount\nfile\nonly-one\nonly-other\nonly-two\n")
        }

        @Test func aBranchIsAPodOfItsOwn() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try write("one", hosts.a)
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            try hosts.a.resume()
            try write("two", hosts.a)
            // While the pod runs; both go on from the same moment, side by side.
            try hosts.a.must(["resume", "p", "--at", "1", "--branch", "q", "--detach", "--sound", "null"])
            defer {
                _ = try? hosts.a.run(["stop", "--time", "0", "q"])
                _ = try? hosts.a.run(["rm", "q"])
            }
            #expect(try text(hosts.a, pod: "q") == "one\ncount\nfile\nonly-one\n")
            #expect(try hosts.a.must(["exec", "q", "--", "cat", "/root/count"]).hasPrefix(nonce))
            try hosts.a.must(["exec", "q", "--", "sh", "-c", "echo q > /root/file; rm /root/only-one"])
            try hosts.a.must(["suspend", "q"])
            #expect(try text(hosts.a) == "two\ncount\nfile\nonly-one\nonly-two\n")
            // What one of them removes or merges is not the other's.
            try hosts.a.suspend()
            try hosts.a.must(["prune", "p", "--keep", "1"])
            try hosts.a.must(["resume", "q", "--detach", "--sound", "null"])
            #expect(try text(hosts.a, pod: "q") == "q\ncount\nfile\n")
            try hosts.a.must(["stop", "q"])
            // Nor what a fresh run writes, though it begins with the files of a branch.
            try hosts.a.must(["stop", "--discard", "p"])
            try hosts.a.must(["run", "p", "--detach", "--sound", "null", "--", "sleep", "1000"])
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo fresh > /root/only-one"])
            try hosts.a.must(["resume", "q", "--at", "1", "--detach", "--sound", "null"])
            #expect(try hosts.a.must(["exec", "q", "--", "cat", "/root/only-one"]) == "one\n")

            for name in ["q", "../q", "-q", ""] {
                let said = try hosts.a.run(["resume", "p", "--at", "2", "--branch", name])
                #expect(said.code != 0 && said.error.contains("name"), "\(name): \(said.error)")
            }
        }

        /// What it has open lies in layers that are merged under it, once and again.
        @Test func openFilesOutliveTheMergesOfTheirLayers() throws {
            let hosts = try TestHosts()
            try hosts.a.up(["witness", "files", "/root/held", "/root/count"])
            let before = try hosts.a.count()
            let pod = try Device.open(hosts.device).pod("p")
            for round in 0..<6 {
                let (from, to) = round % 2 == 0 ? (hosts.a, hosts.b) : (hosts.b, hosts.a)
                try from.must(["suspend", "p", "--keep", "2"])
                #expect(from.leftovers() == [])
                #expect(try pod.sessions().count <= 2 && pod.layers().count <= 2, "round \(round)")
                try to.resume()
                let count = try to.count()
                usleep(100_000)
                let now = try to.count()
                #expect(now.nonce == before.nonce && now.value > count.value, "round \(round)")
            }
            #expect(try pod.sessions() == [5, 6])
        }

        @Test func aResumeDoesNotWaitForTidying() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let pod = try Device.open(hosts.device).pod("p")
            // Long enough to be met at work: thousands of files, in a layer that is merged into another one.
            let many = "mkdir -p /root/many; for i in $(seq 20000); do : > /root/many/$i; done"
            try hosts.a.must(["exec", "p", "--", "sh", "-c", many])
            try hosts.a.must(["suspend", "p", "--keep", "1"])
            try hosts.a.resume()
            let more = "for i in $(seq 20000); do echo > /root/many/$i; done"
            try hosts.a.must(["exec", "p", "--", "sh", "-c", more])
            let suspend = try Attached(["suspend", "p"], on: hosts.a)
            #expect(Wait.until(milliseconds: 60_000) { (try? pod.currentSessionNumber()) == 2 })
            try hosts.b.resume()
            let said = try suspend.end()
            #expect(said.code == 0, "\(said.error)")
            #expect(try hosts.b.must(["exec", "p", "--", "sh", "-c", "ls /root/many | wc -l"]) == "20000\n")
            try hosts.b.suspend()
            _ = try hosts.b.must(["prune", "p"])
            #expect(try pod.layers() == [1] && pod.sessions() == [3])
            try hosts.a.resume()
            #expect(try hosts.a.must(["exec", "p", "--", "sh", "-c", "ls /root/many | wc -l"]) == "20000\n")
        }

        @Test func removingASessionFreesWhatOnlyItNeeded() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let pod = try Device.open(hosts.device).pod("p")
            for text in ["one", "two", "three"] {
                try write(text, hosts.a)
                try hosts.a.suspend()
                if text != "three" { try hosts.a.resume() }
            }
            let current = try hosts.a.run(["rm", "p", "--session", "3"])
            #expect(current.code == 1 && current.line?.contains("the one that resumes") == true, "\(current.error)")
            #expect(try hosts.a.run(["rm", "p", "--session", "8"]).line?.contains("there are: 1, 2, 3") == true)
            try hosts.a.must(["rm", "p", "--session", "1", "--session", "2"])
            #expect(try pod.sessions() == [3] && pod.layers() == [1])
            try hosts.a.resume()
            #expect(try text(hosts.a) == "three\ncount\nfile\nonly-one\nonly-three\nonly-two\n")
            // While it runs, nothing that it stands on goes.
            try hosts.a.must(["prune", "--keep", "1", "--bases"])
            #expect(try text(hosts.a) == "three\ncount\nfile\nonly-one\nonly-three\nonly-two\n")
            try hosts.a.must(["stop", "p"])
            try hosts.a.must(["rm", "p"])
            try hosts.a.must(["prune", "--bases"])
            #expect(try Device.open(hosts.device).bases() == [])
        }
    }
}
