import DeviceStore
import Glibc
import LinuxSystem
import Pod
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct LiveCheckpointTests {
        private func write(_ text: String, _ host: TestHost) throws {
            try host.must([
                "exec", "p", "--", "sh", "-c",
                """
                echo \(text) > /root/file; echo \(text) > /root/\(text); rm -f /root/gone
                ln /root/file /root/\(text).too
                """,
            ])
        }

        /// The sessions there are. What a killed engine began to write goes when the next one is written.
        private func kept(_ hosts: TestHosts) throws -> [String] {
            try Files.list(hosts.device.appending("pods/p/sessions")).filter { !$0.hasPrefix(".") }.sorted()
        }

        /// Nothing is left of one but its session.
        private func settled(_ host: TestHost, _ hosts: TestHosts, sessions: [String], layers: Int) throws {
            #expect(try kept(hosts) == sessions)
            #expect(try Files.list(hosts.device.appending("pods/p/layers")).count == layers)
            let folder = RuntimeFolder(host.runtime).pod("p")
            #expect(!MountTable.places(below: host.runtime).contains(folder.images))
            let state = try Files.text(folder.state)
            #expect(state.contains("\"running\""))
            #expect(!state.contains("copied_layer") && !state.contains("writing_session"))
        }

        /// CRIU leaves each with a second stop pending, which would interrupt the next dump now and then.
        @Test func whatWasStoppedStaysSoWithoutASecondStop() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            // Waits for two that are stopped, and is stopped itself.
            let script = "sleep 1000000 & sleep 1000001 & wait; echo on > /root/on"
            try hosts.a.must(["exec", "p", "--detach", "--", "sh", "-c", script])
            struct Listed: Decodable {
                var host_pid: Int32
                var command: String
            }
            func processes() throws -> [Int32] {
                let list = try hosts.a.must(["ps", "p", "--format", "json"])
                return try JSONText.decode([Listed].self, from: Array(list.utf8))
                    .filter { $0.command.contains("sleep 100000") }.map(\.host_pid)
            }
            /// "T" and the pending signals of all its threads, of each.
            func looks() throws -> [String] {
                try processes().map { process in
                    let lines = try Files.text(FilePath("/proc/\(process)/status")).split(separator: "\n")
                    let wanted = lines.filter { $0.hasPrefix("State:") || $0.hasPrefix("ShdPnd:") }
                    return wanted.map { $0.split(separator: "\t")[1].prefix { $0 != " " } }.joined(separator: " ")
                }
            }
            try waitUntil("all three are there") { try processes().count == 3 }
            for process in try processes() { Glibc.kill(process, SIGSTOP) }
            // Its children's ends to stand still are pending for the shell that waits for them.
            func areStopped() throws -> Bool {
                try looks().allSatisfy { look in
                    let pending = UInt64(look.dropFirst(2), radix: 16) ?? UInt64.max
                    return look.hasPrefix("T ") && pending >> (SIGSTOP - 1) & 1 == 0
                }
            }
            try waitUntil("they are stopped") { try areStopped() }
            for _ in 1...5 {
                try hosts.a.must(["checkpoint", "p"])
                try waitUntil("they are stopped, and nothing is pending") { try areStopped() }
            }
            try hosts.a.suspend()
            try hosts.a.resume()
            #expect(try areStopped())
            for process in try processes() { Glibc.kill(process, SIGCONT) }
            for process in try processes().dropFirst() { Glibc.kill(process, SIGTERM) }
            try waitUntil("the shell goes on") {
                (try? hosts.a.must(["exec", "p", "--", "cat", "/root/on"])) == "on\n"
            }
        }

        /// The kernel's numbers of processes and threads begin anew at some point, and a process's threads may have smaller ones
        /// than itself.
        @Test func aStoppedProgramWhoseThreadsHaveSmallerNumbersCanBeSuspended() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            struct Listed: Decodable {
                var host_pid: Int32
                var command: String
            }
            func program() throws -> Int32? {
                let list = try hosts.a.must(["ps", "p", "--format", "json"])
                return try JSONText.decode([Listed].self, from: Array(list.utf8))
                    .first { $0.command.contains("obstacle threaded") }?.host_pid
            }
            func threads(of process: Int32) throws -> [Int32] {
                try Files.list(FilePath("/proc/\(process)/task")).compactMap { Int32($0) }
            }
            let limit = try #require(
                Int(Files.text("/proc/sys/kernel/pid_max").prefix { $0.isNumber }))
            var process: Int32 = 0
            for distance in stride(from: 20, to: 200, by: 4) {
                try Files.put("\(limit - distance)", into: "/proc/sys/kernel/ns_last_pid")
                try hosts.a.must(["exec", "p", "--detach", "--", "obstacle", "threaded", "/root/ready"])
                try waitUntil("it has its threads") {
                    process = try program() ?? 0
                    return try process > 0 && threads(of: process).count == 61
                }
                if try threads(of: process).contains(where: { $0 < process }) { break }
                Glibc.kill(process, SIGKILL)
                try waitUntil("it is gone") { try program() == nil }
                try hosts.a.must(["exec", "p", "--", "rm", "-f", "/root/ready"])
                process = 0
            }
            try #require(process > 0, "the numbers did not begin anew among its threads'")
            Glibc.kill(process, SIGSTOP)
            try waitUntil("it is stopped") {
                try threads(of: process).allSatisfy { thread in
                    try Files.text(FilePath("/proc/\(process)/task/\(thread)/status")).contains("State:\tT")
                }
            }
            try hosts.a.must(["checkpoint", "p"])
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.must(["ps", "p"]).contains("obstacle threaded"))
        }

        @Test func theSessionRunsOnAndIsThereShouldItsHostCrash() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let begin = try hosts.a.count()
            try hosts.a.must(["exec", "p", "--", "touch", "/root/gone"])
            try hosts.a.suspend()
            try hosts.a.resume()
            try write("before", hosts.a)
            let before = try hosts.a.count()
            try hosts.a.must(["checkpoint", "p"])
            try settled(hosts.a, hosts, sessions: ["1", "2"], layers: 3)
            try write("after", hosts.a)
            let after = try hosts.a.count()
            #expect(after.nonce == begin.nonce && after.value > before.value, "it runs on")
            try Files.syncFileSystem(at: hosts.device)
            try hosts.a.crash()

            try hosts.b.resume()
            let there = try hosts.b.count()
            #expect(there.nonce == begin.nonce && there.value >= before.value)
            let shown = try hosts.b.must([
                "exec", "p", "--", "sh", "-c", "cat /root/file /root/before.too; ls /root | cat",
            ])
            #expect(shown == "before\nbefore\nbefore\nbefore.too\ncount\nfile\n", "its files are of the same moment")
            // What was written since is kept.
            #expect(try hosts.b.must(["recover", "p", "--list"]).contains("/root/after"))
            try hosts.b.suspend()
            try hosts.a.resume()
            #expect(try hosts.a.count().nonce == begin.nonce)
        }

        @Test func oneAfterTheOtherAndASuspendAtTheEnd() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            for text in ["one", "two", "three"] {
                try write(text, hosts.a)
                try hosts.a.must(["checkpoint", "p", "--keep", "10"])
            }
            try write("four", hosts.a)
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [])
            // Back to each of them, with its files.
            for (session, text) in [(2, "two"), (3, "three"), (4, "four"), (1, "one")] {
                try hosts.b.must(["resume", "p", "--at", "\(session)", "--detach", "--sound", "null"])
                #expect(try hosts.b.count().nonce == nonce)
                let shown = try hosts.b.must([
                    "exec", "p", "--", "sh", "-c", "cat /root/file; [ ! -e /root/four ] || echo and four",
                ])
                #expect(shown == (session == 4 ? "four\nand four\n" : "\(text)\n"))
                try hosts.b.suspend()
            }
        }

        @Test func aProgramThatWasAttachedStaysSo() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let shell = try TypedTerminal(
                ["exec", "-t", TestHosts.pod, "-e", "TERM=dumb", "--", "bash", "--norc", "-i"], on: hosts.a)
            try shell.type("PS1='ready> '; secret=$RANDOM$RANDOM; echo \"<\"$secret\n")
            let secret = try #require(try shell.expect("\n<").split(separator: "<").last?.prefix { $0.isNumber })
            try shell.type("echo ha")
            try shell.expect("echo ha")
            try hosts.a.must(["checkpoint", "p"])
            try shell.type("lf $secret\n")
            try shell.expect("half \(secret)")
            try shell.type("exit 9\n")
            #expect(try shell.end().code == 9)
        }

        @Test func whatIsInterruptedOrKilledLeavesASessionThatRunsOn() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            var layers = 1
            for (round, signal) in [SIGINT, SIGKILL, SIGTERM, SIGKILL, SIGKILL, SIGINT, SIGKILL, SIGKILL].enumerated() {
                let before = try kept(hosts)
                let command = try Attached(["checkpoint", "p", "--full", "--keep", "100"], on: hosts.a)
                usleep(UInt32(20_000 + round * 45_000))
                kill(command.pid, signal)
                _ = try command.end()
                let count = try hosts.a.count()
                #expect(count.nonce == nonce, "round \(round)")
                try waitUntil("it counts on") { try hosts.a.count().value > count.value }
                let after = try kept(hosts)
                layers += after.count - before.count
                try settled(hosts.a, hosts, sessions: after, layers: layers)
            }
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }

        /// What is refused, or comes to nothing, leaves neither a session nor a layer.
        @Test func whatCannotBeDoneIsSaidInOneLineAndTheSessionRunsOn() throws {
            let disk = try SmallDisk(megabytes: 64)
            let hosts = try TestHosts(device: disk.mountPoint.appending("device"))
            hosts.keeps = disk
            func refuse(_ arguments: [String], _ words: String) throws {
                let said = try hosts.a.run(["checkpoint"] + arguments)
                #expect(said.code == 1 && said.line?.contains(words) == true, "\(said.error)")
            }
            try refuse(["p"], "it is not running")
            try refuse(["nobody"], "nobody")
            #expect(try hosts.a.run(["checkpoint"]).code == 64)
            #expect(try hosts.a.run(["checkpoint", "p", "--keep", "0"]).code == 64)
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            func runsOn() throws {
                let count = try hosts.a.count()
                #expect(count.nonce == nonce)
                try waitUntil("it counts on") { try hosts.a.count().value > count.value }
                try settled(hosts.a, hosts, sessions: [], layers: 1)
            }
            try refuse(["p", "--filter", "nonesuch"], "nonesuch")
            try runsOn()
            try refuse(["p", "--filter", "age:nobody"], "the session runs on")
            try runsOn()
            // No room for a copy of what the pod has written.
            let large = hosts.folder.appending("large")
            try Files.write(large, Frames.pack(Frames.noise(count: 5_000_000)), permissions: .ownerReadWrite)
            try hosts.a.must(["cp", large.string, "p:/root/large"])
            try disk.fill(leavingKilobytes: 8000)
            try refuse(["p"], "the device is full")
            try disk.empty()
            try runsOn()
            try hosts.a.must(["checkpoint", "p"])
            try settled(hosts.a, hosts, sessions: ["1"], layers: 2)
        }

        /// A host that goes down in the middle of one leaves nothing that anybody should recover.
        @Test func aCopyThatNoSessionCameOfIsNotOfferedAndGoes() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.suspend()
            try hosts.a.resume()
            try write("before", hosts.a)
            let state = RuntimeFolder(hosts.a.runtime).pod("p").state
            // It runs on by then, and its session never comes to an end.
            let filters = hosts.folder.appending("filters.d")
            try Files.makeFolder(filters, permissions: .init(rawValue: 0o755))
            let asLongAsTheEngine = "while kill -0 $PPID; do sleep 0.1; done"
            let definition = try JSONText.encode(["encode": ["sh", "-c", asLongAsTheEngine], "decode": ["cat"]])
            try Files.write(filters.appending("hanging.json"), definition, permissions: .ownerReadWrite)
            hosts.a.environment = ["MEDIAPOD_FILTERS=\(filters.string)"]
            let command = try Attached(["checkpoint", "p", "--filter", "hanging"], on: hosts.a)
            try waitUntil("it is being written") {
                let text = (try? Files.text(state)) ?? ""
                return text.contains("copied_layer") && text.contains("\"running\"")
            }
            command.kill()
            _ = try command.end()
            try hosts.a.crash()
            let device = try Device.open(hosts.device)
            #expect(try device.pod("p").currentSessionNumber() == 1)
            #expect(try device.pod("p").layers() == [1, 2, 3])
            try hosts.b.resume()
            let offered = try device.pod("p").recoverableLayers().map(\.number)
            #expect(offered == [2], "what the pod wrote, and not the copy")
            try hosts.b.suspend()
            #expect(try !device.pod("p").layers().contains(3))
        }

        /// Processes of every kind, twice: those that ran on, and those of the session.
        @Test func processesOfEveryKindRunOnAndComeBack() throws {
            let hosts = try TestHosts(tree: try KindTree.folder.get())
            try hosts.a.up(["sh", "-c", "mkdir -p /kinds && cd /kinds && \(MovedKinds.start("/kinds")); sleep 1000000"])
            for kind in KindTree.kinds { _ = try MovedKinds.wait(for: "ready", of: kind, on: hosts.a) }
            try hosts.a.must(["checkpoint", "p"])
            func check(_ host: TestHost, _ what: String, but exempt: String) throws {
                try host.must(["exec", TestHosts.pod, "--", "touch", "/kinds/check.1"])
                for kind in KindTree.kinds where kind != exempt {
                    let said = try MovedKinds.wait(for: "1", of: kind, on: host)
                    for problem in MovedKinds.problems(in: said, moves: 1) {
                        Issue.record("\(kind), \(what): \(problem)")
                    }
                }
            }
            // Which checks that its clocks were in a pocket.
            try check(hosts.a, "which ran on", but: "clocks")
            try hosts.a.crash()
            // For the clocks: in the pocket.
            usleep(1_500_000)
            try hosts.b.resume()
            // Which checks the inode number of a folder: a copy's files have their own.
            try check(hosts.b, "which came back", but: "files")
        }
    }
}
