import FoundationEssentials
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct CrashTests {
        private struct Status: Decodable {
            var initPID: Int32?
            var supervisorPID: Int32?
            var brokerPID: Int32?

            enum CodingKeys: String, CodingKey {
                case initPID = "init_pid"
                case supervisorPID = "supervisor_pid"
                case brokerPID = "broker_pid"
            }
        }

        private struct Inspection: Decodable {
            var state: String
            var runtime: Status?
        }

        private func inspect(_ host: TestHost) throws -> Inspection {
            let text = try host.must(["inspect", TestHosts.pod, "--format", "json"])
            return try JSONDecoder().decode(Inspection.self, from: Data(text.utf8))
        }

        /// After a command that had to wait for what the killed one left running, and put it right.
        private func settled(_ host: TestHost) throws -> String {
            try host.run(["exec", TestHosts.pod, "--", "sh", "-c", ":"])
            return try inspect(host).state
        }

        /// Runs a command and kills it after a while; whether it had ended by then does not matter.
        private func kill(_ arguments: [String], on host: TestHost, afterMilliseconds delay: UInt32) throws {
            let command = try Attached(arguments, on: host)
            usleep(delay * 1000)
            command.kill()
            _ = try command.end()
        }

        @Test(arguments: [1, 2]) func anEngineKilledAtAnyMomentOfASuspendLosesNothing(seed: UInt64) throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            var random = Random(seed: seed)
            for round in 0..<10 {
                let delay = UInt32(random.next(below: 500))
                try kill(["suspend", TestHosts.pod], on: hosts.a, afterMilliseconds: delay)
                let state = try settled(hosts.a)
                #expect(["running", "suspended"].contains(state), "round \(round), killed after \(delay) ms: \(state)")
                if state == "suspended" {
                    #expect(hosts.a.leftovers() == [], "round \(round), killed after \(delay) ms")
                    try hosts.a.resume()
                }
                let count = try hosts.a.count()
                #expect(count.nonce == nonce, "round \(round), killed after \(delay) ms")
                usleep(60_000)
                #expect(try hosts.a.count().value > count.value, "it is not frozen")
            }
            try hosts.a.must(["stop", TestHosts.pod])
            try hosts.a.must(["rm", TestHosts.pod])
            #expect(hosts.a.leftovers() == [])
        }

        @Test(arguments: [3, 4]) func anEngineKilledAtAnyMomentOfAResumeLosesNothing(seed: UInt64) throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.suspend()
            var random = Random(seed: seed)
            for round in 0..<10 {
                let delay = UInt32(random.next(below: 500))
                try kill(
                    ["resume", TestHosts.pod, "--detach", "--sound", "null"], on: hosts.b, afterMilliseconds: delay)
                let state = try settled(hosts.b)
                #expect(["running", "suspended"].contains(state), "round \(round), killed after \(delay) ms: \(state)")
                if state == "suspended" {
                    #expect(hosts.b.leftovers() == [], "round \(round), killed after \(delay) ms")
                    try hosts.b.resume()
                }
                #expect(try hosts.b.count().nonce == nonce, "round \(round), killed after \(delay) ms")
                try hosts.b.suspend()
            }
            #expect(hosts.b.leftovers() == [])
        }

        @Test func anEngineKilledAtAnyMomentOfAStartLeavesNothing() throws {
            let hosts = try TestHosts()
            var random = Random(seed: 5)
            for round in 0..<8 {
                let delay = UInt32(random.next(below: 250))
                try kill(["run", TestHosts.pod, "--detach", "--sound", "null"], on: hosts.a, afterMilliseconds: delay)
                if try settled(hosts.a) == "running" { try hosts.a.must(["stop", TestHosts.pod]) }
                let left = hosts.a.leftovers().filter { $0 != "pods/p" }
                #expect(left == [], "round \(round), killed after \(delay) ms")
            }
            try hosts.a.up()
            _ = try hosts.a.count()
        }

        @Test func aFrozenPodWhoseEngineWasKilledWakesUpByItself() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try kill(["suspend", TestHosts.pod], on: hosts.a, afterMilliseconds: 60)
            let state = hosts.a.runtime.appending("pods/p/state.json")
            let settled = Wait.until(milliseconds: 15_000) {
                guard let text = try? Files.text(state) else { return true }
                return text.contains("\"running\"")
            }
            #expect(settled, "no command was run, and the supervisor has seen to it")
        }

        @Test func aKilledSupervisorAndAKilledBrokerAreReplaced() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            let before = try #require(try inspect(hosts.a).runtime)
            Glibc.kill(try #require(before.brokerPID), SIGKILL)
            let restarted = try Wait.until(milliseconds: 10_000) {
                let pid = try inspect(hosts.a).runtime?.brokerPID
                return pid != nil && pid != before.brokerPID
            }
            #expect(restarted)
            Glibc.kill(try #require(before.supervisorPID), SIGKILL)
            let after = try #require(try inspect(hosts.a).runtime)
            #expect(after.supervisorPID != nil && after.supervisorPID != before.supervisorPID)
            #expect(after.initPID == before.initPID)
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [])
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
        }

        @Test func aCrashedPodGoesBackToItsLastSuspendAndItsFilesAreKept() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let nonce = try hosts.a.count().nonce
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo old > /root/file"])
            try hosts.a.suspend()
            try hosts.a.resume()
            try hosts.a.must(["exec", "p", "--", "sh", "-c", "echo new > /root/file"])
            Glibc.kill(try #require(try inspect(hosts.a).runtime?.initPID), SIGKILL)
            let ended = try Wait.until(milliseconds: 10_000) { try inspect(hosts.a).state == "suspended" }
            #expect(ended)
            try hosts.b.resume()
            #expect(try hosts.b.count().nonce == nonce)
            #expect(try hosts.b.must(["exec", "p", "--", "cat", "/root/file"]) == "old\n")
            let layers = hosts.device.appending("pods/p/layers")
            let kept = try Files.list(layers).filter { Files.isRegularFile(layers.appending("\($0)/upper/root/file")) }
            #expect(kept.count == 2, "the crashed layer is there, beside the sealed one")
        }
    }
}

/// Where the kills fall: other moments for each seed, the same in each run.
private struct Random {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next(below limit: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % limit
    }
}
