import LinuxSystem
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct ProgramTests {
        @Test func execIsTheProgramsOutputErrorsInputAndExitCode() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let said = try hosts.a.run(
                ["exec", TestHosts.pod, "--", "sh", "-c", "cat; echo problem >&2; exit 7"], input: "in\n")
            #expect(said.code == 7)
            #expect(said.output == "in\n")
            #expect(said.error == "problem\n")
            #expect(try hosts.a.run(["exec", TestHosts.pod, "--", "sh", "-c", "kill -9 $$"]).code == 137)
            let long = String(repeating: "0123456789abcde\n", count: 20_000)
            #expect(try hosts.a.must(["exec", TestHosts.pod, "--", "cat"], input: long) == long)
        }

        @Test func aDetachedProgramIsKnownByItsNumberAndItsOutputStaysWithThePod() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let number = try hosts.a.must(["exec", TestHosts.pod, "--detach", "--", "sh", "-c", "echo gone by"])
                .filter { $0.isNumber }
            let isLogged = try Wait.until(milliseconds: 10_000) {
                try hosts.a.run(["logs", TestHosts.pod, number]).output == "gone by\n"
            }
            #expect(isLogged)
            let none = try hosts.a.run(["logs", TestHosts.pod, "999"])
            #expect(none.code == 1 && none.line?.contains("exec --detach") == true)
            try hosts.a.suspend()
            #expect(try hosts.a.must(["logs", TestHosts.pod, number]) == "gone by\n")
        }

        @Test func whatCannotBeStartedHasTheShellsExitCodes() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let missing = try hosts.a.run(["exec", TestHosts.pod, "--", "no-such-program"])
            #expect(missing.code == 127 && missing.line?.contains("no-such-program") == true)
            let forbidden = try hosts.a.run(["exec", TestHosts.pod, "--", "/etc/passwd"])
            #expect(forbidden.code == 126 && forbidden.line != nil)
            #expect(try hosts.a.run(["exec", "nobody", "--", "true"]).code == 125)
            #expect(try hosts.a.run(["exec", TestHosts.pod]).code == 64)
        }

        @Test func aProgramGetsItsUserFolderAndVariables() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let asked = [
                "exec", TestHosts.pod, "-u", "player", "-w", "/etc", "-e", "A=b c", "--", "sh", "-c",
                "id -u; pwd; echo $A",
            ]
            #expect(try hosts.a.must(asked) == "1001\n/etc\nb c\n")
            #expect(
                try hosts.a.must(["exec", TestHosts.pod, "-u", "5:6", "--", "sh", "-c", "id -u; id -g"]) == "5\n6\n")
        }

        @Test func thePodEndsWithItsMainProgramAndItsExitCode() throws {
            let hosts = try TestHosts()
            let said = try hosts.a.run(
                [
                    "run", TestHosts.pod, "--sound", "null", "--", "sh", "-c",
                    "echo out; echo err >&2; sleep 100 & exit 5",
                ])
            #expect(said.code == 5)
            #expect(said.output == "out\n" && said.error == "err\n")
            #expect(hosts.a.leftovers() == ["pods/p"])
            #expect(try hosts.a.must(["logs", TestHosts.pod]).contains("out\n"))
            let missing = try hosts.a.run(["run", TestHosts.pod, "--sound", "null", "--", "no-such-program"])
            #expect(missing.code == 127)
            try hosts.a.must(["rm", TestHosts.pod])
            #expect(hosts.a.leftovers() == [])
        }

        @Test func rootInAPodIsNobodyOutsideAndCannotReachOut() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let processes = try hosts.a.must(["ps", TestHosts.pod, "--format", "json"])
            #expect(processes.contains("witness count /root/count"))
            let map = try hosts.a.must(["exec", TestHosts.pod, "--", "cat", "/proc/self/uid_map"])
            #expect(map.split(whereSeparator: \.isWhitespace) == ["0", "100000", "65536"])
            // unshare(1) and mount(8) are not even here; what the kernel says counts, so ask /proc.
            let status = try hosts.a.must(["exec", TestHosts.pod, "--", "cat", "/proc/self/status"])
            #expect(status.contains("Seccomp:\t2"))
            #expect(
                try hosts.a.run(["exec", TestHosts.pod, "--", "sh", "-c", "echo 1 > /proc/sys/vm/drop_caches"]).code
                    != 0)
            #expect(try hosts.a.must(["exec", TestHosts.pod, "--", "ls", "/sys"]) == "")
        }

        @Test func aHostilePodCannotStandInForItsInit() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            try hosts.a.must([
                "exec", TestHosts.pod, "--", "sh", "-c",
                "rm /run/pod-init/control; ln -s /run/mediapod/sound /run/pod-init/control",
            ])
            let said = try hosts.a.run(["exec", TestHosts.pod, "--", "true"])
            #expect(said.code == 125 && said.line != nil, "\(said.error)")
            try hosts.a.must(["stop", "--time", "1", TestHosts.pod])
            #expect(hosts.a.leftovers() == ["pods/p"])
        }
    }
}
