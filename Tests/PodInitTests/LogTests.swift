import Glibc
import Pod
import Testing

@Suite(.timeLimit(.minutes(2))) struct LogTests {
    @Test func aLogRotatesAndLosesNothingOfTheEnd() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let outcome = try client.shell("seq 1 500000")
        let expected = (1...500000).map { "\($0)\n" }.joined()
        let newer = pod.log("\(outcome.program).log")
        let older = pod.log("\(outcome.program).log.1")
        #expect(newer.utf8.count <= 1 << 20)
        #expect(older.utf8.count <= 1 << 20 && older.utf8.count > (1 << 20) - 32768)
        #expect(expected.hasSuffix(older + newer))
    }

    @Test func theMainProgramsLogIsFoundByName() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        _ = try client.shell("true")
        var command = InitCommand.shell("echo out; echo err >&2; exec sleep 1000")
        command.isMain = true
        let program = try client.start(command).program
        try waitFor("its log") { pod.log("main.log").utf8.count == 8 }
        #expect(TestPod.link(pod.root + "/var/log/mediapod/main.log") == "\(program).log")
        #expect(pod.log("main.log").contains("out\n") && pod.log("main.log").contains("err\n"))
    }

    @Test func aFullDiskCostsTheLogOnly() throws {
        let pod = try TestPod(.init(logSize: "256k"))
        var client = try pod.connect()
        let outcome = try client.shell("seq 1 300000")
        #expect(outcome.status == .code(0))
        #expect(outcome.output == (1...300000).map { "\($0)\n" }.joined())
        #expect(pod.log("\(outcome.program).log").hasPrefix("1\n2\n"))

        // And when there is room again, it goes on.
        let echo = try client.start(.shell("echo early; sleep 0.3; echo late"))
        _ = try client.shell("rm /var/log/mediapod/\(outcome.program).log")
        _ = try client.finish(echo.program)
        #expect(pod.log("\(echo.program).log").hasSuffix("late\n"))
    }

    @Test func withoutALogFolderProgramsRun() throws {
        let pod = try TestPod(.init(prepare: "umount /var/log; mount -t tmpfs -o ro tmpfs /var/log"))
        var client = try pod.connect()
        let outcome = try client.shell("echo out")
        #expect(outcome.output == "out\n")
    }

    @Test func aLogBeginsOnceItsFolderIsThere() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        _ = try client.shell("mv /var/log/mediapod /var/log/away")
        var command = InitCommand(["cat"], path: true)
        command.hasStdin = true
        let program = try client.start(command).program
        _ = try client.sendStdin("early ".utf8, to: program)
        try client.waitForOutput("early ")
        _ = try client.shell("rm -r /var/log/mediapod; mv /var/log/away /var/log/mediapod")
        _ = try client.finish(program, input: Array("late".utf8))
        #expect(pod.log("\(program).log") == "late")
    }

    @Test func theLogsOfAnEarlierRunAreRemovedAndNothingElse() throws {
        let pod = try TestPod(
            .init(
                prepare: """
                    mkdir -p /var/log/mediapod && cd /var/log/mediapod &&
                    touch 1.log 1.log.1 77.log notes.log 5.txt && ln -s 77.log main.log
                    """))
        #expect(TestPod.names(pod.root + "/var/log/mediapod") == ["5.txt", "notes.log"])
    }

    @Test func aLogIsNoneOfTheOrdinaryUsersBusiness() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        _ = try client.shell("echo secret")
        var command = InitCommand.shell("cat /var/log/mediapod/*.log")
        command.user = .ids(uid: 1000, gid: 1000)
        let outcome = try client.run(command)
        #expect(!outcome.output.contains("secret"))
    }
}
