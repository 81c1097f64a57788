import Testing

import Pod

@Suite struct CriuLogTests {
    @Test func theReasonIsTheLastErrorThatTellsSomething() {
        let log = """
            (00.036121) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
            (00.045573) sockets: collecting
            (00.045600) Error (criu/sk-unix.c:857): unix: Can't dump half of stream unix connection.
            (00.045700) Error (criu/cr-dump.c:1634): Dump files (pid: 42) failed with -1
            (00.119986) Error (criu/cr-dump.c:1975): Dumping FAILED.
            """
        #expect(CriuLog.reason(in: log) == "unix: Can't dump half of stream unix connection.")
    }

    @Test func errorsOfAProcessInThePodCountToo() {
        let log = "(00.2)      6: Error (criu/files-reg.c:2206): File root/log has bad size 8 (expect 0)\n"
        #expect(CriuLog.reason(in: log) == "File root/log has bad size 8 (expect 0)")
    }

    @Test func aLogWithoutErrorsTellsNothing() {
        #expect(CriuLog.reason(in: "(00.1) Version: 4.2\n") == nil)
        #expect(CriuLog.reason(in: "(00.1) Error (criu/cr-dump.c:1): Dumping FAILED.\n") == "Dumping FAILED.")
        #expect(CriuLog.reason(in: "Error (cut off") == nil)
    }
}
