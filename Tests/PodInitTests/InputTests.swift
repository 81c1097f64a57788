import Glibc
import Pod
import Testing

@Suite(.timeLimit(.minutes(2))) struct InputTests {
    @Test func standardInputComesBackFromAnEcho() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var command = InitCommand(["cat"], path: true)
        command.hasStdin = true
        let input = (0..<3_000_000).map { UInt8(97 + $0 % 26) }
        let outcome = try client.run(command, input: input)
        #expect(outcome.status == .code(0))
        #expect(outcome.output == String(decoding: input, as: UTF8.self))
    }

    @Test func withoutStandardInputThereIsNullAndNobodyMaySendAny() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.run("readlink", "/proc/self/fd/0")
        #expect(outcome.output == "/dev/null\n")
        let program = try client.start(InitCommand(["sleep", "1000"], path: true))
        #expect(client.stdinRoom(of: program.program) == 0)
    }

    @Test func aProgramThatDoesNotReadCanStillBeSignalled() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var command = InitCommand(["sleep", "1000"], path: true)
        command.hasStdin = true
        let program = try client.start(command).program
        // The pipe takes 64 KiB, and as much again may wait for it.
        var sent = 0
        while sent < 2 * 65536 {
            sent += try client.sendStdin([UInt8](repeating: 0, count: 65536), to: program)
            if client.stdinRoom(of: program) == 0, sent < 2 * 65536 {
                _ = try client.nextEvent(timeout: .seconds(30))
            }
        }
        let more = try client.sendStdin([1], to: program)
        #expect(more == 0)
        try client.signal(SIGTERM, to: program)
        let outcome = try client.finish(program)
        #expect(outcome.status == .signal(SIGTERM))
    }

    @Test func aProgramThatStopsReadingIsTold() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var command = InitCommand.shell("exec 0<&-; echo closed; sleep 1000")
        command.hasStdin = true
        let program = try client.start(command).program
        try client.waitForOutput("closed")
        _ = try client.sendStdin([1], to: program)
        let event = try client.nextEvent(timeout: .seconds(30))
        #expect(event == .stdinClosed(program: program, errno: EPIPE))
        #expect(client.stdinRoom(of: program) == 0)
    }

    @Test func anotherClientCanTakeStandardInputOver() throws {
        let pod = try TestPod()
        var first = try pod.connect()
        var second = try pod.connect()
        var command = InitCommand(["cat"], path: true)
        command.hasStdin = true
        let program = try first.start(command).program
        _ = try first.sendStdin("one ".utf8, to: program)
        try first.waitForOutput("one ")

        _ = try second.attach(to: program, takingStdin: true)
        _ = try first.sendStdin("lost".utf8, to: program)
        var refused = false
        while !refused {
            let event = try #require(try first.nextEvent(timeout: .seconds(30)))
            refused = event == .stdinClosed(program: program, errno: EPERM)
        }
        let outcome = try second.finish(program, input: Array("two".utf8))
        #expect(outcome.output == "two")
        #expect(pod.log("\(program).log") == "one two")
    }

    @Test func aClientThatVanishesLeavesStandardInputOpen() throws {
        let pod = try TestPod()
        var second = try pod.connect()
        let program: UInt32
        do {
            var first = try pod.connect()
            var command = InitCommand(["cat"], path: true)
            command.hasStdin = true
            program = try first.start(command).program
            _ = try first.sendStdin("one ".utf8, to: program)
        }
        try waitFor("the first half") { pod.log("\(program).log") == "one " }
        _ = try second.attach(to: program, takingStdin: true)
        let outcome = try second.finish(program, input: Array("two".utf8))
        #expect(outcome.status == .code(0))
        #expect(pod.log("\(program).log") == "one two")
    }
}

@Suite(.timeLimit(.minutes(2))) struct TerminalTests {
    func terminal(_ script: String) -> InitCommand {
        var command = InitCommand.shell(script)
        command.terminal = .init(rows: 31, columns: 97)
        return command
    }

    @Test(arguments: [false, true])
    func aProgramSeesATerminalOfItsOwn(userNamespace: Bool) throws {
        let pod = try TestPod(.init(userNamespace: userNamespace))
        var client = try pod.connect()
        var command = terminal("tty; stty size; test -t 2 && echo yes; stat -c %u:%g $(tty); echo x > /dev/tty")
        command.user = .name("player")
        let outcome = try client.run(command)
        #expect(outcome.output == "/dev/pts/0\r\n31 97\r\nyes\r\n1000:5\r\nx\r\n")
        #expect(outcome.status == .code(0))
    }

    @Test func allOfATerminalsOutputComesBeforeTheExit() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        for _ in 1...5 {
            let outcome = try client.run(terminal("seq 1 20000"))
            #expect(outcome.output == (1...20000).map { "\($0)\r\n" }.joined())
        }
    }

    @Test func keysReachTheProgramAndAnInterruptIsASignal() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let program = try client.start(terminal("exec cat")).program
        _ = try client.sendStdin("hello\n".utf8, to: program)
        // The terminal's echo, and the program's.
        try client.waitForOutput("hello\r\nhello\r\n")
        _ = try client.sendStdin([3], to: program)
        let outcome = try client.finish(program)
        #expect(outcome.status == .signal(SIGINT))
    }

    @Test func aProgramIsToldOfANewWindowSize() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
        let program = try client.start(terminal(script)).program
        try client.waitForOutput("ready")
        try client.resize(program, rows: 10, columns: 20)
        let outcome = try client.finish(program)
        #expect(outcome.output.contains("10 20"))
    }

    @Test func aProgramThatIgnoresItsTerminalForAWhileKeepsIt() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        // With nobody holding it open, the terminal's master would read as hung up.
        let outcome = try client.run(terminal("exec 0<&- 1>&- 2>&-; sleep 0.2; echo back > /dev/tty"))
        #expect(outcome.output == "back\r\n")
    }
}
