import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct FileTests {
        @Test func filesAreCopiedIntoAndOutOfAPodInEveryState() throws {
            let hosts = try TestHosts()
            let source = hosts.folder.appending("source")
            let target = hosts.folder.appending("target")
            func text() throws -> String { String(decoding: try Files.read(target, limit: 100), as: UTF8.self) }
            try Files.write(source, Array("one".utf8), permissions: [.ownerReadWrite, .ownerExecute])

            try hosts.a.must(["cp", source.string, "p:/root/new"])
            try hosts.a.must(["cp", "p:/root/new", target.string])
            #expect(try text() == "one")
            #expect(hosts.a.leftovers() == [])

            try hosts.a.up()
            #expect(try hosts.a.must(["exec", "p", "--", "ls", "-ln", "/root/new"]).hasPrefix("-rwx------ 1 0 0 3 "))
            try hosts.a.must(["cp", source.string, "p:/root"])
            #expect(try hosts.a.must(["exec", "p", "--", "cat", "/root/source"]) == "one")
            // Also where nothing can be the host's root's.
            try hosts.a.must(["cp", source.string, "p:/dev/shm/new"])
            let line = try hosts.a.must(["exec", "p", "--", "ls", "-ln", "/dev/shm/new"])
            #expect(line.hasPrefix("-rwx------ 1 0 0 3 "))
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo two > /root/new"])
            try hosts.a.suspend()

            try hosts.b.must(["cp", "p:/root/new", target.string])
            #expect(try text() == "two\n")
            let refused = try hosts.b.run(["cp", source.string, "p:/root/new"])
            #expect(refused.code == 1 && refused.line?.contains("suspended") == true)
            #expect(hosts.b.leftovers() == [])
        }

        @Test func namesInAPodDoNotLeadOutOfItNorHoldAnyoneUp() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.must([
                "exec", "p", "--", "sh", "-c",
                "ln -s /etc/passwd /root/absolute; ln -s ../../../../../../etc/shadow /root/climbing; mkfifo /root/fifo",
            ])
            let target = hosts.folder.appending("target")
            try hosts.a.must(["cp", "p:/root/absolute", target.string])
            #expect(String(decoding: try Files.read(target, limit: 1000), as: UTF8.self).contains("player"))
            for name in ["climbing", "fifo", "../../../../nowhere", ""] {
                let said = try hosts.a.run(["cp", "p:/root/\(name)", target.string])
                #expect(said.code == 1 && said.line != nil, "\(name): \(said.error)")
            }
        }
    }
}
