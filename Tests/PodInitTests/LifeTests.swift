import Glibc
import Pod
import Testing

@Suite(.timeLimit(.minutes(2))) struct LifeTests {
    func main(_ script: String) -> InitCommand {
        var command = InitCommand.shell(script)
        command.isMain = true
        return command
    }

    func expectDisconnected(_ client: inout InitClient) throws {
        do {
            while try client.nextEvent(timeout: .seconds(30)) != nil {}
            Issue.record("the connection is still open")
        } catch InitClientError.disconnected {}
    }

    @Test(arguments: [("exit 42", 42), ("kill -KILL $$", 137)])
    func theMainProgramsEndIsThePods(script: String, code: Int32) throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let started = try client.start(main("echo last; " + script))
        #expect(started.isMain)
        let outcome = try client.finish(started.program)
        #expect(outcome.output == "last\n")
        #expect(outcome.status.shellCode == code)
        try expectDisconnected(&client)
        let end = try pod.waitForEnd()
        #expect(end == code)
    }

    @Test func whatOutlivesTheMainProgramIsEnded() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let polite = try client.start(
            .shell("trap 'echo bye; exit 5' TERM; echo set; while :; do sleep 0.05; done"))
        try client.waitForOutput("set")
        let stubborn = try client.start(.shell("trap '' TERM; echo set; while :; do sleep 0.05; done"))
        try client.waitForOutput("set")
        _ = try client.start(main("exit 1"))
        var ends: [UInt32: InitExitStatus] = [:]
        while ends.count < 3 {
            let event = try #require(try client.nextEvent(timeout: .seconds(30)))
            if case .exited(let program, let status) = event { ends[program] = status }
        }
        #expect(ends[polite.program] == .code(5))
        #expect(ends[stubborn.program] == .signal(SIGKILL))
        let end = try pod.waitForEnd()
        #expect(end == 1)
    }

    @Test func thereIsOneMainProgram() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        // One that could not be run does not count.
        #expect(throws: InitClientError.refused(stage: .exec, errno: ENOENT)) {
            var client = try pod.connect()
            var command = InitCommand(["/nothing"])
            command.isMain = true
            _ = try client.start(command)
        }
        let started = try client.start(main("sleep 1000"))
        #expect(throws: InitClientError.refused(stage: .program, errno: EEXIST)) {
            var client = try pod.connect()
            _ = try client.start(main("sleep 1000"))
        }
        let attached = try client.attach()
        #expect(attached == started)
    }

    @Test func signalsToInitReachTheMainProgram() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let program = try client.start(
            main("trap 'echo hup' HUP; trap 'exit 3' TERM; echo set; while :; do sleep 0.05; done"))
        try client.waitForOutput("set")
        kill(pod.initPID, SIGHUP)
        try client.waitForOutput("hup")
        kill(pod.initPID, SIGTERM)
        let outcome = try client.finish(program.program)
        #expect(outcome.status == .code(3))
        let end = try pod.waitForEnd()
        #expect(end == 3)
    }

    @Test func withoutAMainProgramTheTermSignalEndsThePod() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let program = try client.start(InitCommand(["sleep", "1000"], path: true))
        kill(pod.initPID, SIGTERM)
        let outcome = try client.finish(program.program)
        #expect(outcome.status == .signal(SIGTERM))
        let end = try pod.waitForEnd()
        #expect(end == 0)
    }

    @Test(arguments: [0, 300])
    func shutdownKillsWhatDoesNotEndInTime(grace: Int) throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let program = try client.start(.shell("trap '' TERM HUP; echo set; while :; do sleep 0.05; done"))
        try client.waitForOutput("set")
        let begin = ContinuousClock.now
        try client.shutdown(grace: .milliseconds(grace))
        let outcome = try client.finish(program.program)
        #expect(outcome.status == .signal(SIGKILL))
        #expect(.now - begin >= .milliseconds(grace))
        let end = try pod.waitForEnd()
        #expect(end == 0)
    }

    @Test func nothingIsStartedDuringTheShutdown() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        _ = try client.start(.shell("trap '' TERM HUP; echo set; while :; do sleep 0.05; done"))
        try client.waitForOutput("set")
        try client.shutdown()
        do {
            _ = try client.start(InitCommand(["true"], path: true))
            Issue.record("started")
        } catch InitClientError.refused(.program, ESHUTDOWN) {}
        // A shorter grace counts.
        try client.shutdown(grace: .zero)
        let end = try pod.waitForEnd()
        #expect(end == 0)
    }

    @Test func shutdownEndsAnInteractiveShellAndAStoppedProgram() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var command = InitCommand(["bash", "--norc", "-i"], path: true)
        command.terminal = .init(rows: 24, columns: 80)
        let shell = try client.start(command)
        try client.waitForOutput("#")
        let stopped = try client.start(.shell("kill -STOP $$"))
        try waitFor("the stop") {
            try client.run("grep", "State", "/proc/\(stopped.pid)/status").output.contains("stopped")
        }
        try client.shutdown()
        var ends: [UInt32: InitExitStatus] = [:]
        while ends.count < 2 {
            let event = try #require(try client.nextEvent(timeout: .seconds(8)), "ended: \(ends)")
            if case .exited(let program, let status) = event { ends[program] = status }
        }
        #expect(ends[stopped.program] == .signal(SIGTERM))
        #expect(ends[shell.program] != nil)
        let end = try pod.waitForEnd()
        #expect(end == 0)
    }

    @Test func aClientThatReadsNothingDoesNotKeepThePodFromEnding() throws {
        let pod = try TestPod()
        var slow = try pod.connect()
        let program = try slow.start(main("trap 'exit 6' TERM; yes & while :; do sleep 0.05; done"))
        usleep(200_000)
        var other = try pod.connect()
        try other.shutdown(grace: .seconds(1))
        let end = try pod.waitForEnd()
        #expect(end == 6)
        // What had been delivered is still there to be read.
        let event = try slow.nextEvent(timeout: .seconds(1))
        #expect(event.map { if case .output(program.program, 1, _) = $0 { true } else { false } } == true)
    }

    @Test func itRefusesToRunOutsideAPod() throws {
        let process = try TestPod.spawn(["sh", "-c", "exec \"$0\" 2>/dev/null", TestPod.program])
        var status: Int32 = 0
        waitpid(process, &status, 0)
        #expect(status == 125 << 8)
    }

    @Test(arguments: [false, true])
    func itHoldsNothingOfTheHostOpen(userNamespace: Bool) throws {
        // One more descriptor, such as a runtime might let slip through.
        let pod = try TestPod(.init(userNamespace: userNamespace, prepare: "exec 7</etc/hostname 9>/dev/null"))
        var client = try pod.connect()
        var command = InitCommand(["sleep", "1000"], path: true)
        _ = try client.start(command)
        command.terminal = .init(rows: 24, columns: 80)
        _ = try client.start(command)
        let folder = "/proc/\(pod.initPID)/fd"
        let numbers = TestPod.names(folder).compactMap { Int($0) }.sorted()
        let links = numbers.map { TestPod.link("\(folder)/\($0)") }
        #expect(links.prefix(3) == ["/dev/null", "/dev/null", "/dev/null"])
        for link in links.dropFirst(3) {
            let own =
                link.hasPrefix("anon_inode:") || link.hasPrefix("socket:") || link.hasPrefix("pipe:")
                || link.hasPrefix("/var/log/mediapod/") || link.hasPrefix("/dev/pts/") || link == "/dev/ptmx"
            #expect(own, "\(link)")
        }
    }
}
