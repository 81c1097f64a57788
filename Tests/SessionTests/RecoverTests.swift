import DeviceStore
import FoundationEssentials
import Glibc
import LinuxSystem
import Pod
import Session
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct RecoverTests {
        private struct Layer: Decodable {
            var layer: Int
            var session: Int?
        }

        private struct Change: Decodable, Hashable {
            var change: String
            var path: String
        }

        private func layers(_ host: TestHost) throws -> [Layer] {
            let text = try host.must(["recover", "p", "--format", "json"])
            return try JSONDecoder().decode([Layer].self, from: Data(text.utf8))
        }

        private func changes(_ host: TestHost) throws -> Set<Change> {
            let text = try host.must(["recover", "p", "--list", "--format", "json"])
            return Set(try JSONDecoder().decode([Change].self, from: Data(text.utf8)))
        }

        @Test func whatACrashedHostWroteIsKeptAndOfferedUntilItIsDropped() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.must([
                "exec", "p", "--", "sh", "-c",
                "cd /root; echo old > changed; echo old > removed; mkdir replaced; echo x > replaced/gone; echo x > replaced/kept",
            ])
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            #expect(try hosts.a.must(["recover", "p"]).contains("nothing to recover"))
            try hosts.a.resume()
            try hosts.a.must([
                "exec", "p", "--", "sh", "-c",
                """
                cd /root; echo new > changed; rm removed; rm -r replaced; mkdir replaced; echo new > replaced/kept
                echo new > added; mkdir -p a/b; echo new > a/b/c; ln -s /etc/shadow link; mkfifo pipe
                cat /usr/bin/witness > setuid
                """,
            ])
            let pid = try #require(try PodRuntime.readState(RuntimeFolder(hosts.a.runtime).pod("p"))?.initProcess?.pid)
            chmod("/proc/\(pid)/root/root/setuid", 0o4755)
            try Files.syncFileSystem(at: hosts.device)
            #expect(try hosts.a.must(["recover", "p"]).contains("nothing to recover"), "it is running")
            try hosts.a.crash()

            let said = try hosts.b.run(["resume", "p", "--detach", "--sound", "null"])
            #expect(said.code == 0 && said.line?.contains("after session 1") == true, "\(said.error)")
            #expect(said.line?.contains("mediapod recover p") == true)
            #expect(try hosts.b.count().nonce == nonce)
            #expect(try hosts.b.must(["exec", "p", "--", "cat", "/root/changed", "/root/removed"]) == "old\nold\n")

            // While it runs, and after it was suspended again, and merged.
            let expected: Set = [
                Change(change: "changed", path: "/root/changed"), Change(change: "deleted", path: "/root/removed"),
                Change(change: "deleted", path: "/root/replaced/gone"),
                Change(change: "changed", path: "/root/replaced/kept"), Change(change: "added", path: "/root/added"),
                Change(change: "added", path: "/root/a"), Change(change: "added", path: "/root/a/b"),
                Change(change: "added", path: "/root/a/b/c"), Change(change: "added", path: "/root/link"),
                Change(change: "added", path: "/root/pipe"), Change(change: "added", path: "/root/setuid"),
            ]
            #expect(try changes(hosts.b).isSuperset(of: expected))
            #expect(try !changes(hosts.b).contains(Change(change: "changed", path: "/root")))
            try hosts.b.must(["suspend", "p", "--keep", "1"])
            #expect(try layers(hosts.b).map(\.session) == [1])
            #expect(try changes(hosts.b).isSuperset(of: expected))

            try copiesOut(hosts)
            let number = try #require(try layers(hosts.a).first?.layer)
            #expect(try hosts.a.run(["recover", "p", "--drop", "--layer", "77"]).line?.contains("\(number)") == true)
            try hosts.a.must(["recover", "p", "--drop"])
            #expect(try layers(hosts.a).isEmpty)
            #expect(try !Device.open(hosts.device).pod("p").layers().contains(number))
            #expect(try hosts.a.run(["recover", "p", "--drop"]).line?.contains("nothing to recover") == true)
            try hosts.a.resume()
            #expect(try hosts.a.count().nonce == nonce)
        }

        private func copiesOut(_ hosts: TestHosts) throws {
            let target = hosts.folder.appending("recovered")
            try hosts.a.must(["recover", "p", "--to", target.string])
            let root = target.appending("files/root")
            for name in ["changed", "added", "a/b/c", "replaced/kept"] {
                #expect(try Files.text(root.pushing(FilePath(name))) == "new\n", "\(name)")
            }
            var status = stat()
            #expect(lstat(root.appending("setuid").string, &status) == 0)
            #expect(
                status.st_mode & 0o7777 == 0o755 && status.st_uid == getuid(), "the pod's rights are not the host's")
            #expect(lstat(root.appending("link").string, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
            #expect(lstat(root.appending("pipe").string, &status) != 0)
            let deleted = try Files.text(target.appending("deleted")).split(separator: "\n")
            #expect(deleted.contains("/root/removed") && deleted.contains("/root/replaced/gone"))
            // Nothing that is there already is touched.
            let again = try hosts.a.run(["recover", "p", "--to", target.string])
            #expect(again.code == 1 && again.line?.contains("is not empty") == true, "\(again.error)")
        }
    }
}
