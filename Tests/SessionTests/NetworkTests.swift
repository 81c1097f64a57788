import Glibc
import LinuxSystem
import SoundLab
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct NetworkTests {
        /// What a caller in the pod says of itself.
        private struct Calls {
            var nonce: Substring
            var received: Int
            var connections: Int
            var address: Substring
            /// How the connection before ended.
            var ending: Substring
        }

        private func calls(_ host: TestHost, _ file: String = "/root/calls") throws -> Calls {
            let words = try host.must(["exec", "p", "--", "cat", file]).split { $0 == " " || $0 == "\n" }
            guard words.count == 5, let received = Int(words[1]), let connections = Int(words[2]) else {
                throw Failure("the caller", "says \(words)")
            }
            return Calls(
                nonce: words[0], received: received, connections: connections, address: words[3], ending: words[4])
        }

        private func call(_ host: TestHost, _ mode: String) throws {
            try host.must(["exec", "--detach", "p", "--", "caller", mode, World.address, World.port, "/root/calls"])
        }

        private func attempt(_ host: TestHost, _ address: String = World.address) throws -> String {
            try host.must(["exec", "p", "--", "caller", "try", address, World.port])
        }

        private func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
            if try !Wait.until(milliseconds: 20_000, condition) { throw Failure("the test", "in vain: \(what)") }
        }

        @Test func aDownloadIsToldOfAMoveByAnErrorAndItsNextConnectionWorks() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.up()
            try call(hosts.a, "download")
            try waitUntil("something comes") { (try? calls(hosts.a).received) ?? 0 > 0 }
            let before = try calls(hosts.a)
            for (round, (from, to)) in [(hosts.a, hosts.b), (hosts.b, hosts.a)].enumerated() {
                try from.suspend()
                try waitUntil("the server is told") { try hosts.world.endings().count == round + 1 }
                #expect(from.leftovers() == [])
                try to.resume()
                try waitUntil("it has connected again") { try calls(to).connections == round + 2 }
                let now = try calls(to)
                try waitUntil("more comes") { try calls(to).received > now.received }
                #expect(now.nonce == before.nonce, "the same program, which was not restarted")
                #expect(now.ending == "Connection-reset-by-peer")
                #expect(now.address == "10.0.2.100", "on every host")
            }
            #expect(try hosts.world.endings() == ["d 1 reset", "d 1 reset"], "no end that looks like the client's own")
        }

        @Test func aProgramThatOnlyWaitsForTheOutsideIsToldOfAMoveToo() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.up()
            try call(hosts.a, "idle")
            try waitUntil("it is connected") { (try? calls(hosts.a).connections) == 1 }
            try hosts.a.suspend()
            try hosts.b.resume()
            try waitUntil("it has connected again") { try calls(hosts.b).connections == 2 }
            #expect(try calls(hosts.b).ending == "Connection-reset-by-peer")
        }

        @Test func datagramsOfOneSocketPassOnBothHosts() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.up()
            try call(hosts.a, "udp")
            try waitUntil("they come back") { (try? calls(hosts.a).received) ?? 0 > 3 }
            try hosts.a.suspend()
            try hosts.b.resume()
            let before = try calls(hosts.b)
            try waitUntil("they come back") { try calls(hosts.b).received > before.received + 3 }
            #expect(try calls(hosts.b).connections == 1)
        }

        @Test func namesAreResolvedByTheHostThatThePodIsOn() throws {
            let hosts = try NetworkedHosts()
            let ask = ["exec", "p", "--", "getent", "ahostsv4", "anything.example"]
            try hosts.a.up()
            #expect(try hosts.a.must(["exec", "p", "--", "cat", "/etc/resolv.conf"]) == "nameserver 10.0.2.3\n")
            #expect(try hosts.a.must(ask).hasPrefix("\(World.resolvers[0]) "))
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try hosts.b.must(ask).hasPrefix("\(World.resolvers[1]) "))
        }

        @Test func aPodWithoutANetworkHasNothingButItsLoopbackAndStaysSo() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.must(["run", "p", "--detach", "--sound", "null", "--network", "none"])
            func interfaces(_ host: TestHost) throws -> [Substring] {
                let table = try host.must(["exec", "p", "--", "cat", "/proc/net/dev"]).split(separator: "\n")
                return table.dropFirst(2).map { $0.split(separator: ":")[0].drop { $0 == " " } }
            }
            #expect(try attempt(hosts.a) == "Network is unreachable\n")
            #expect(try interfaces(hosts.a) == ["lo"])
            try hosts.a.suspend()
            try hosts.b.resume()
            #expect(try attempt(hosts.b) == "Network is unreachable\n")
            #expect(try interfaces(hosts.b) == ["lo"])
            try hosts.b.suspend()
            try hosts.a.must(["resume", "p", "--detach", "--sound", "null", "--network", "user"])
            #expect(try attempt(hosts.a) == "connected\n")
        }

        @Test func aSessionWhoseNetworkIsTakenAwayIsRefusedAtOnceAndGetsItBack() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.up()
            try call(hosts.a, "idle")
            try waitUntil("it is connected") { (try? calls(hosts.a).connections) == 1 }
            try hosts.a.suspend()
            try hosts.b.must(["resume", "p", "--detach", "--sound", "null", "--network", "none"])
            try waitUntil("it was told") { try calls(hosts.b).ending != "-" }
            #expect(try attempt(hosts.b) != "connected\n")
            try hosts.b.suspend()
            try hosts.a.must(["resume", "p", "--detach", "--sound", "null", "--network", "user"])
            try waitUntil("it has connected again") { try calls(hosts.a).connections == 2 }
        }

        @Test func theHostsOwnLoopbackIsOutOfReach() throws {
            let hosts = try NetworkedHosts()
            let program = hosts.hosts.folder.appending("outside")
            let local = try Attached.program(
                hosts.a.prefix + [program.string, "serve", "127.0.0.1", World.port, "/dev/null"])
            defer { local.kill() }
            try hosts.a.up()
            try waitUntil("the world serves") { try attempt(hosts.a) == "connected\n" }
            for address in ["10.0.2.2", "10.0.2.3"] {
                #expect(try attempt(hosts.a, address) == "Network is unreachable\n")
            }
            #expect(try attempt(hosts.a, "127.0.0.1") == "Connection refused\n")
        }

        @Test func aKilledNetworkIsReplaced() throws {
            let hosts = try NetworkedHosts()
            try hosts.a.up()
            try call(hosts.a, "download")
            try waitUntil("something comes") { (try? calls(hosts.a).received) ?? 0 > 0 }
            for round in 2...3 {
                let killed = try #require(try networkProcess(hosts.a))
                kill(killed, SIGKILL)
                try waitUntil("it has connected again") { try calls(hosts.a).connections == round }
                #expect(try networkProcess(hosts.a) != killed)
            }
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [])
        }

        private func networkProcess(_ host: TestHost) throws -> Int32? {
            let text = try host.must(["inspect", "p", "--format", "json"])
            return text.split(separator: "\n").first { $0.contains("\"network_pid\"") }
                .flatMap { Int32($0.filter(\.isNumber)) }
        }

        @Test func whatAProgramWroteBeforeItsEndIsDelivered() throws {
            let hosts = try NetworkedHosts()
            let bytes = "3000001"
            try hosts.a.must(
                ["run", "p", "--sound", "null", "--", "caller", "upload", World.address, World.port, bytes])
            try waitUntil("the server has it") { try !hosts.world.endings().isEmpty }
            #expect(try hosts.world.endings() == ["u \(bytes) end"])
            #expect(hosts.a.leftovers() == ["pods/p"])
        }
    }
}
