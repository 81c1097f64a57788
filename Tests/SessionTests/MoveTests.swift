import LinuxSystem
import SystemPackage
import Testing

/// Every test here takes the machine's cgroups, mounts and two processors: one at a time.
@Suite(.serialized) enum SessionTests {}

extension SessionTests {
    @Suite struct MovingTests {
        @Test func aProgramGoesOnOnAnotherHostWithItsMemoryAndTheFilesOfTheMoment() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            try hosts.a.must([
                "exec", TestHosts.pod, "--", "sh", "-c", "echo kept > /root/file; echo x > /dev/shm/shared",
            ])
            try hosts.a.suspend()
            #expect(hosts.a.leftovers() == [])
            try hosts.b.resume()
            let after = try hosts.b.count()
            #expect(after.nonce == before.nonce, "the same program, not another")
            #expect(after.value > before.value)
            #expect(
                try hosts.b.must(["exec", TestHosts.pod, "--", "cat", "/root/file", "/dev/shm/shared"]) == "kept\nx\n")
            try hosts.b.suspend()
            try hosts.a.resume()
            #expect(try hosts.a.count().nonce == before.nonce)
            try hosts.a.must(["stop", TestHosts.pod])
            try hosts.a.must(["rm", TestHosts.pod])
            #expect(hosts.a.leftovers() == [])
            #expect(hosts.b.leftovers() == [])
        }

        @Test func aConnectionInsideThePodSurvivesTheMove() throws {
            let hosts = try TestHosts()
            try hosts.a.up(["witness", "tcp", "/root/count"])
            let before = try hosts.a.count()
            for (from, to) in [(hosts.a, hosts.b), (hosts.b, hosts.a)] {
                try from.suspend()
                try to.resume()
            }
            let after = try hosts.a.count()
            #expect(after.nonce == before.nonce && after.value > before.value)
        }

        @Test func whatIsAttachedIsToldOfTheSuspendAndEndsWithZero() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let attached = try Attached(["exec", TestHosts.pod, "--", "sh", "-c", "echo hello; sleep 60"], on: hosts.a)
            try attached.waitForOutput("hello\n")
            try hosts.a.suspend()
            let said = try attached.end()
            #expect(said.code == 0)
            #expect(said.output == "hello\n")
            #expect(said.error.contains("was suspended"))
        }

        @Test func aResumedMainProgramIsFollowedToItsExitCode() throws {
            let hosts = try TestHosts()
            try hosts.a.up(["sh", "-c", "until [ -e /root/go ]; do sleep 0.1; done; echo gone; exit 9"])
            try hosts.a.suspend()
            let attached = try Attached(["resume", TestHosts.pod, "--sound", "null"], on: hosts.b)
            try hosts.b.waitUntilRunning()
            try hosts.b.must(["exec", TestHosts.pod, "--", "touch", "/root/go"])
            let said = try attached.end()
            #expect(said.code == 9)
            #expect(said.output == "gone\n")
        }

        @Test func aSecondRuntimeIsRefusedWhileThePodRuns() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            for verb in [
                ["run", TestHosts.pod, "--detach", "--sound", "null"], ["resume", TestHosts.pod],
                ["stop", TestHosts.pod],
            ] {
                let said = try hosts.b.run(verb)
                #expect(said.code == (verb[0] == "run" ? 125 : 1))
                #expect(said.line?.contains(hosts.a.runtime.string) == true, "\(said.error)")
            }
            #expect(try hosts.a.run(["rm", TestHosts.pod]).code == 1)
            #expect(try hosts.b.run(["rm", TestHosts.pod]).code == 1)
            #expect(hosts.b.leftovers() == [])
            _ = try hosts.a.count()
        }
    }
}
