import Glibc
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

        @Test func programsOfOrdinaryUsersAndOfTerminalsGoOnToo() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.must(["exec", "p", "-u", "player", "--detach", "--", "witness", "count", "/tmp/player"])
            let terminal = try Attached(
                ["exec", "-t", "p", "--", "sh", "-c", "stty size; witness count /root/terminal"], on: hosts.a,
                inTerminal: true)
            try terminal.waitForOutput("24 80")
            usleep(300_000)
            let before = try (hosts.a.count("/tmp/player"), hosts.a.count("/root/terminal"))
            try hosts.a.suspend()
            #expect(try terminal.end().output.contains("was suspended"))
            try hosts.b.resume()
            let after = try (hosts.b.count("/tmp/player"), hosts.b.count("/root/terminal"))
            #expect(after.0.nonce == before.0.nonce && after.0.value > before.0.value)
            #expect(after.1.nonce == before.1.nonce && after.1.value > before.1.value)
        }

        @Test func aSuspendThatIsInterruptedDidNotHappen() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try hosts.a.count()
            // Where it falls is up to the machine: both outcomes are whole.
            for delay: UInt32 in [20, 60, 120, 200] {
                let suspend = try Attached(["suspend", TestHosts.pod], on: hosts.a)
                usleep(delay * 1000)
                kill(suspend.pid, SIGINT)
                let said = try suspend.end()
                if said.status.isSuccess {
                    try hosts.a.resume()
                } else if said.code == 1 {
                    #expect(said.line?.contains("interrupted; the session runs on") == true, "\(said.error)")
                }
                let count = try hosts.a.count()
                #expect(count.nonce == before.nonce)
                usleep(60_000)
                #expect(try hosts.a.count().value > count.value)
            }
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
