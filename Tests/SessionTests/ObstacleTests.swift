import LinuxSystem
import Pod
import Session
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    /// What cannot be moved is refused in one line, that names the process and the cause, and the session runs on.
    @Suite struct ObstacleTests {
        private struct Obstacle {
            /// Of Programs/obstacle.c.
            var name: String
            /// In the line.
            var words: [String]
        }

        private static let obstacles = [
            Obstacle(name: "packets", words: ["packet mode", "O_DIRECT"]),
            Obstacle(name: "semaphore", words: ["eventfd", "EFD_SEMAPHORE"]),
            Obstacle(name: "count", words: ["eventfd", "32 bits"]),
            Obstacle(name: "notified", words: ["mq_notify", "/told"]),
            Obstacle(name: "nameless", words: ["message queue", "name is gone"]),
            Obstacle(name: "traced", words: ["is being traced by process"]),
            Obstacle(name: "credentials", words: ["unread", "SO_PASSCRED"]),
            Obstacle(name: "watched", words: ["inotify"]),
            Obstacle(name: "answer", words: ["unread", "netlink"]),
            Obstacle(name: "vforking", words: ["vfork"]),
        ]

        @Test func whatCannotBeMovedIsRefusedAndTheSessionRunsOn() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            for obstacle in Self.obstacles {
                try hosts.a.must([
                    "exec", TestHosts.pod, "--detach", "--", "sh", "-c",
                    "echo $$ > /root/obstacle; exec obstacle \(obstacle.name) /root/ready",
                ])
                func isReady() throws -> Bool {
                    try hosts.a.run(["exec", TestHosts.pod, "--", "sh", "-c", "[ -e /root/ready ]"]).code == 0
                }
                #expect(try Wait.until(milliseconds: 20_000, isReady), "\(obstacle.name)")
                let said = try hosts.a.run(["suspend", TestHosts.pod])
                #expect(said.code == 1, "\(obstacle.name): \(said.error)")
                let line = try #require(said.error.split(separator: "\n").last)
                #expect(line.hasPrefix("mediapod: cannot suspend pod p: process "), "\(line)")
                #expect(line.contains("(obstacle \(obstacle.name)"), "\(line)")
                for words in obstacle.words { #expect(line.contains(words), "\(line)") }
                #expect(line.contains("the session runs on"), "\(line)")
                let now = try hosts.a.count()
                #expect(now.nonce == before.nonce)
                try waitUntil("it counts on") { try hosts.a.count().value > now.value }
                try hosts.a.must([
                    "exec", TestHosts.pod, "--", "sh", "-c",
                    "read pid < /root/obstacle; kill -9 $pid; rm /root/ready",
                ])
            }
            // What was in the way is gone.
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        /// CRIU lets nobody wait: connections that a server has not accepted are left out at last, and reset.
        @Test func aConnectionThatNobodyAcceptsDoesNotPreventASuspend() throws {
            let hosts = try TestHosts()
            try hosts.a.up(["witness", "unaccepted", "/root/count"])
            let before = try waitForCount(hosts.a)
            try hosts.a.suspend()
            try hosts.b.resume()
            try waitUntil("its client was told") { try hosts.b.count().value > 0 }
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        /// As a browser is that somebody has stopped: the kernel tells it of every neighbour, and it does not read.
        @Test func newsThatNobodyReadsDoNotPreventASuspend() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            try begin("news", on: hosts.a)
            let folder = RuntimeFolder(hosts.a.runtime).pod(TestHosts.pod)
            let process = try #require(try PodRuntime.readState(folder)?.initProcess?.pid)
            // More than a socket takes, so that the kernel has dropped some, too.
            let script = "i=0; while [ $i -lt 400 ]; do ip link set lo mtu $((60000 + i)); i=$((i + 1)); done"
            _ = try Pipeline.output(
                of: Command("nsenter", ["--net=/proc/\(process)/ns/net", "sh", "-c", script]))
            // The fifth of each line is how many bytes nobody has read, the ninth how much was dropped.
            let sockets = try Files.text(FilePath("/proc/\(process)/net/netlink"), limit: 1 << 20).split(
                separator: "\n")
            #expect(
                sockets.dropFirst().contains { line in
                    let fields = line.split(separator: " ")
                    return fields[4] != "0" && fields[8] != "0"
                })
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        /// CRIU is told what is special about a pod while that still runs, and may become another.
        @Test func whatAPodBecomesWhileCriuGetsReadyDoesNotPreventASuspend() throws { try move(with: "restless") }

        /// Whoever begins a program may wait for that in a way in which nothing can attach to it. It is soon over.
        @Test func aProgramThatIsJustBeingBegunDoesNotPreventASuspend() throws { try move(with: "spawning") }

        private func move(with obstacle: String) throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            try begin(obstacle, on: hosts.a)
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == before.nonce)
        }

        private func begin(_ obstacle: String, on host: TestHost) throws {
            try host.must(["exec", TestHosts.pod, "--detach", "--", "obstacle", obstacle, "/root/ready"])
            try waitUntil("\(obstacle) has begun") {
                try host.run(["exec", TestHosts.pod, "--", "sh", "-c", "[ -e /root/ready ]"]).code == 0
            }
        }

        private func waitForCount(_ host: TestHost) throws -> TestHost.Count {
            try waitUntil("it has begun") { (try? host.count()) != nil }
            return try host.count()
        }
    }
}
