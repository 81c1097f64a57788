import LinuxSystem
import SystemPackage
import Testing

extension SessionTests {
    @Suite struct ShellTests {
        // What is typed shows, too: a word that is typed in two pieces (he''llo) shows as one only when it was run.

        @Test func anInteractiveShellGoesOnWithItsVariablesHistoryAndJobs() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let before = try TypedTerminal(
                ["exec", "-t", TestHosts.pod, "-e", "TERM=dumb", "--", "bash", "--norc", "-i"], on: hosts.a)
            try before.type("PS1='ready> '; set -o history; unset HISTFILE\n")
            try before.expect("\nready> ")
            try before.type("secret=$RANDOM$RANDOM$RANDOM; shopt -s extglob; greet() { echo \"$1,\" $secret; }\n")
            try before.expect("ready> ")
            try before.type("greet he''llo\n")
            let hello = try before.expect("hello, ")
            let secret = try #require(hello.split(separator: "hello, ").last?.prefix { $0.isNumber })
            #expect(secret.count > 5)
            // A job in the background, the terminal by its other name, and half a line.
            try before.type("sleep 100001 &\n")
            try before.expect("[1] ")
            try before.type("exec 7</dev/tty\n")
            try before.expect("ready> ")
            try before.type("greet ag")
            try before.expect("greet ag")
            let first = try move(before, from: hosts.a, to: hosts.b)
            try first.type("ain\n")
            #expect(try first.expect("again, ").contains("again, \(secret)"), "the same shell, and not another")
            try check(first)

            // A job that Ctrl-Z has stopped. (Shells are told of those once more, and look after the terminal then.)
            try first.type("sh -c 'echo sta\"\"rted; exec sleep 100002'\n")
            try first.expect("started")
            try first.type("\u{1a}")
            try first.expect("Stopped")
            let second = try move(first, from: hosts.b, to: hosts.a)
            try second.type("greet twi''ce\n")
            #expect(try second.expect("twice, ").contains("twice, \(secret)"))
            try check(second)
            try second.type("jobs\n")
            #expect(try second.expect("sleep 100002").contains("Stopped"))
            // Into the foreground, and away with Ctrl-Z again.
            try second.type("fg %2\n")
            try second.expect("sleep 100002'\n")
            try second.type("\u{1a}")
            try second.expect("Stopped")
            try second.type("kill %1 %2; fg %2; exit 9\n")
            #expect(try second.end().code == 9)
        }

        /// Moves the pod; gives the terminal of the program that was at the old one.
        private func move(_ terminal: TypedTerminal, from: TestHost, to: TestHost) throws -> TypedTerminal {
            try from.suspend()
            let said = try terminal.end()
            #expect(said.code == 0)
            #expect(said.output.contains("was suspended"))
            let advice = try #require(said.output.split(separator: "mediapod attach p ").last, "\(said.output)")
            try to.resume()
            return try TypedTerminal(["attach", TestHosts.pod, String(advice.prefix { $0.isNumber })], on: to)
        }

        /// What a shell has of its own.
        private func check(_ terminal: TypedTerminal) throws {
            try terminal.type("jobs\n")
            #expect(try terminal.expect("sleep 100001 &").contains("Running"))
            try terminal.type("history | cat\n")
            #expect(try terminal.expect("history | cat\nready> ").contains("greet() {"))
            try terminal.type("read -u 7 line; echo \"<$line>\"\n")
            try terminal.type("through the other name\n")
            try terminal.expect("<through the other name>")
            try terminal.type("stty size\n")
            try terminal.expect("24 80")
        }

        @Test func whatIsNotThereCannotBeAttachedTo() throws {
            let hosts = try TestHosts()
            try hosts.a.up()
            let said = try hosts.a.run(["attach", TestHosts.pod, "77"])
            #expect(said.code == 125 && said.line?.contains("no program 77") == true, "\(said.error)")
            #expect(said.line?.contains("1 (witness)") == true)
            let program = try hosts.a.must(["exec", TestHosts.pod, "--detach", "--", "sh", "-c", "read x; exit 3"])
            let attached = try hosts.a.run(["attach", TestHosts.pod, String(program.prefix { $0.isNumber })])
            #expect(attached.code != 125)
            try hosts.a.must(["stop", "--time", "0", TestHosts.pod])
            #expect(try hosts.a.run(["attach", TestHosts.pod]).code == 125)
        }
    }
}
