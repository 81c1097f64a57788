import Glibc
import Pod
import Testing

@Suite(.timeLimit(.minutes(2))) struct ProgramTests {
    @Test func bothStreamsAndTheExitCodeArrive() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.shell("echo out; echo err >&2; exit 7")
        #expect(outcome.output == "out\n")
        #expect(outcome.errorOutput == "err\n")
        #expect(outcome.status == .code(7))
    }

    @Test func allOutputComesBeforeTheExit() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.shell("seq 1 200000")
        #expect(outcome.output == (1...200000).map { "\($0)\n" }.joined())
    }

    @Test func aProgramThatCannotBeRunIsToldApartFromOneThatIsNotThere() throws {
        let pod = try TestPod(.init(prepare: "echo data > /run/data"))
        var client = try pod.connect()
        func refusal(_ command: InitCommand) throws -> InitClientError? {
            do { _ = try client.start(command) } catch let error as InitClientError { return error }
            return nil
        }

        let missing = try refusal(InitCommand(["no-such-program"], path: true))
        #expect(missing == .refused(stage: .exec, errno: ENOENT))
        #expect(missing?.exitCode == 127)
        let data = try refusal(InitCommand(["/run/data"]))
        #expect(data == .refused(stage: .exec, errno: EACCES))
        #expect(data?.exitCode == 126)
        let folder = try refusal(InitCommand(["/run"]))
        #expect(folder?.exitCode == 126)

        var command = InitCommand(["true"], path: true)
        command.workingDirectory = "/nowhere"
        let directory = try refusal(command)
        #expect(directory == .refused(stage: .directory, errno: ENOENT))
        command.workingDirectory = "/"
        command.user = .name("stranger")
        let user = try refusal(command)
        #expect(user == .refused(stage: .user, errno: ENOENT))

        let list = try client.list()
        #expect(list.isEmpty)
    }

    @Test func theSignalThatKillsAProgramIsNamed() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let own = try client.shell("kill -SEGV $$")
        #expect(own.status == .signal(SIGSEGV))

        let sleeper = try client.start(InitCommand(["sleep", "1000"], path: true))
        try client.signal(SIGUSR1, to: sleeper.program)
        let sent = try client.finish(sleeper.program)
        #expect(sent.status == .signal(SIGUSR1))
        #expect(throws: InitClientError.refused(stage: .signal, errno: ESRCH)) {
            var client = try pod.connect()
            try client.signal(SIGTERM, to: sleeper.program)
        }
    }

    @Test func aSignalReachesTheWholeProcessGroup() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let program = try client.start(.shell("sleep 1000 | sleep 1000; echo never"))
        usleep(100_000)
        try client.signal(SIGTERM, to: program.program)
        let outcome = try client.finish(program.program)
        #expect(outcome.status == .signal(SIGTERM))
        try waitFor("the end of both") {
            let left = try client.shell("grep -lx sleep /proc/[0-9]*/comm | wc -l")
            return left.output == "0\n"
        }
    }

    @Test func aProgramGetsTheEnvironmentTheFolderAndTheUserThatWereAskedFor() throws {
        let pod = try TestPod(
            .init(prepare: "printf '#!/bin/sh\\necho mine $*' > /run/tool && chmod 755 /run/tool"))
        var client = try pod.connect()

        var command = InitCommand(["tool", "a b"])
        command.environment = ["PATH=/run:/bin"]
        let tool = try client.run(command)
        #expect(tool.output == "mine a b\n")

        command = .shell("pwd; id -u; id -g; id -G; echo $HOME; umask")
        command.workingDirectory = "/usr"
        command.user = .name("player")
        let named = try client.run(command)
        #expect(named.output == "/usr\n1000\n1000\n1000 29 44\n/home/player\n0022\n")

        command.user = .ids(uid: 1000, gid: 7)
        command.environment.append("HOME=/tmp")
        let numbered = try client.run(command)
        #expect(numbered.output == "/usr\n1000\n7\n7\n/tmp\n0022\n")
    }

    @Test func aProgramStartsWithoutSignalsBlockedOrDescriptorsOrLimitsOfInit() throws {
        let pod = try TestPod(.init(prepare: "ulimit -S -n 123"))
        var client = try pod.connect()
        _ = try client.start(InitCommand(["sleep", "1000"], path: true))
        let signals = try client.run("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
        for line in signals.output.split(separator: "\n") {
            let mask = try #require(UInt64(line.split(separator: "\t")[1], radix: 16))
            // 32 and 33 are libc's own, and out of reach of signal().
            #expect(mask & ~(3 << 31) == 0, "\(line)")
        }
        let limit = try client.shell("ulimit -n")
        #expect(limit.output == "123\n")
        let descriptors = try client.run("ls", "/proc/self/fd")
        #expect(descriptors.output == "0\n1\n2\n3\n")
    }

    @Test func anOrphanIsReaped() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.shell("(sh -c 'sleep 0.2; exit 3' >/dev/null 2>&1 &); exit 0")
        #expect(outcome.status == .code(0))
        try waitFor("an empty pod") {
            let left = try client.shell("cat /proc/[0-9]*/comm 2>/dev/null | grep -cE 'sleep'")
            return left.output == "0\n"
        }
        let zombies = try client.shell("grep -l '^State:.Z' /proc/[0-9]*/status")
        #expect(zombies.output == "")
    }

    @Test func aGrandchildThatHoldsThePipeOpenDoesNotHoldUpTheExit() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let begin = ContinuousClock.now
        let outcome = try client.shell("(sleep 1; echo late; sleep 1000) & echo now")
        #expect(.now - begin < .seconds(1))
        #expect(outcome.output == "now\n")
        try waitFor("what the grandchild writes") { pod.log("\(outcome.program).log") == "now\nlate\n" }
    }

    @Test func aGrandchildThatNeverStopsWritingDoesNotHoldUpTheExit() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.shell("yes & yes & yes & yes & exit 4")
        #expect(outcome.status == .code(4))
    }

    @Test func theListShowsWhatRunsAndHowTheRestEnded() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let ended = try client.shell("exit 9")
        let running = try client.start(InitCommand(["sleep", "1000"], path: true))
        let list = try client.list()
        #expect(list.map(\.program) == [ended.program, running.program])
        #expect(list.map(\.status) == [.code(9), nil])
        #expect(list.map(\.arguments) == [["sh", "-c", "exit 9"], ["sleep", "1000"]])
        #expect(list.last?.pid == running.pid)
        #expect(abs(list[1].started - Int64(time(nil))) < 60)
    }

    @Test func theOldestOfManyProgramsAreForgottenWithTheirLogs() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var first: UInt32 = 0
        for number in 1...270 {
            let outcome = try client.run("echo", "\(number)")
            #expect(outcome.output == "\(number)\n")
            if number == 1 { first = outcome.program }
        }
        let list = try client.list()
        #expect(list.count == 256)
        #expect(!list.contains { $0.program == first })
        #expect(TestPod.names(pod.root + "/var/log/mediapod").count == 256)
    }

    @Test func thereIsAnEndToHowManyProgramsRunAtOnce() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        for _ in 1...256 { _ = try client.start(InitCommand(["sleep", "1000"], path: true)) }
        #expect(throws: InitClientError.refused(stage: .program, errno: EAGAIN)) {
            var client = try pod.connect()
            _ = try client.start(InitCommand(["true"], path: true))
        }
        let list = try client.list()
        #expect(list.count == 256)
    }

    @Test func aRequestThatIsTooLongIsRefused() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let long = String(repeating: "x", count: 60000)
        let fits = try client.run("echo", long)
        #expect(fits.output == long + "\n")
        #expect(throws: InitClientError.refused(stage: .exec, errno: E2BIG)) {
            var client = try pod.connect()
            _ = try client.start(InitCommand(["echo", long, long]))
        }
    }
}
