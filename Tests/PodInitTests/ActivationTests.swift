import Glibc
import Pod
import Testing

/// Servers that start when somebody connects, or with the pod.
@Suite(.timeLimit(.minutes(2))) struct ActivationTests {
    /// Serves one connection, with what it knows of itself, unless the condition holds (in Perl).
    private func server(failing condition: String = "0") -> String {
        """
        cat > /run/server <<'END'
        #!/usr/bin/perl
        open(my $listener, '+<&=', 3) or exit 9;
        exit 3 if \(condition);
        accept(my $client, $listener) or exit 9;
        syswrite($client, join(' ', $$, $ENV{LISTEN_PID} == $$, $ENV{LISTEN_FDS}, $<, $(+0, @ARGV) . "\\n");
        exit 0;
        END
        chmod 755 /run/server
        """
    }

    /// `lines` as the pod's file of servers, without touching the machine's own /etc.
    private func prepare(_ lines: String, and more: String) -> String {
        """
        mkdir /run/upper /run/work &&
        mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work overlay /etc && mkdir /etc/mediapod
        cat > /etc/mediapod/servers <<'END'
        \(lines)
        END
        \(more)
        """
    }

    private let client = """
        perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die "refused\n"; \
        print <S>'
        """

    @Test func aServerStartsWithTheFirstConnectionAndAgainAfterItsEnd() throws {
        let lines = """
            # comments, and lines that make no sense, cost nobody else anything
            /run/nobody nobody /run/server
            relative 1000 /run/server
            /run/folder/socket\t1000  /run/server one two # three
            """
        let pod = try TestPod(.init(prepare: prepare(lines, and: server())))
        var client = try pod.connect()
        #expect(try client.list().isEmpty)
        var processes: [Substring] = []
        for _ in 0..<3 {
            let outcome = try client.shell("\(self.client) /run/folder/socket")
            let words = outcome.output.split(whereSeparator: \.isWhitespace)
            #expect(words.dropFirst() == ["1", "1", "1000", "1000", "one", "two"], "\(outcome)")
            processes += words.prefix(1)
        }
        #expect(Set(processes).count == 3)
        let refused = try client.shell("\(self.client) /run/nobody")
        #expect(refused.errorOutput == "refused\n")
    }

    @Test func whoWaitsForAServerThatCrashesIsTheNextOnes() throws {
        // The first of two in turn; /run is root's.
        let crashes = "(-e '/run/crashed' ? unlink('/run/crashed') && 0 : open(my $file, '>', '/run/crashed'))"
        let pod = try TestPod(.init(prepare: prepare("/run/socket 0 /run/server", and: server(failing: crashes))))
        var client = try pod.connect()
        for _ in 0..<3 {
            let outcome = try client.shell("\(self.client) /run/socket")
            #expect(outcome.output.split(separator: " ").count == 5, "\(outcome)")
        }
    }

    @Test func whoWaitsForAServerThatFailsIsTurnedAway() throws {
        let lines = "/run/bad/socket 0 /run/server\n/run/none/socket 0 /no/such/program"
        let pod = try TestPod(.init(prepare: prepare(lines, and: server(failing: "1"))))
        var client = try pod.connect()
        for _ in 0..<2 {
            for socket in ["bad", "none"] {
                let outcome = try client.shell("\(self.client) /run/\(socket)/socket")
                #expect(outcome.output == "" && outcome.errorOutput == "", "connected, and then nothing: \(outcome)")
            }
        }
    }

    /// Writes a line into /run/starts whenever it starts, and lasts until it is killed, or not at all.
    private func startsWithThePod(_ end: String) -> String {
        """
        cat > /run/server <<'END'
        #!/bin/sh
        echo "$(id -u) $*" >> /run/starts
        \(end)
        END
        chmod 755 /run/server; touch /run/starts; chmod 666 /run/starts
        """
    }

    @Test func aServerWithoutASocketStartsWithThePodAndAgainWhenItEnds() throws {
        let prepare = prepare("-\t1000 /run/server one", and: startsWithThePod("exec sleep 1000000"))
        let pod = try TestPod(.init(prepare: prepare))
        var client = try pod.connect()
        func starts() throws -> [Substring] { try client.shell("cat /run/starts").output.split(separator: "\n") }
        try waitFor("it has started") { try starts() == ["1000 one"] }
        let running = try client.list().filter { $0.status == nil }
        #expect(running.map(\.arguments) == [["/run/server", "one"]])
        // Once in a row is no reason to leave it alone, however soon.
        _ = try client.shell("pkill -KILL -x sleep")
        try waitFor("it has started again") { try starts().count == 2 }
    }

    @Test func aServerWithoutASocketThatFailsAtOnceIsLeftAlone() throws {
        let prepare = prepare("- 0 /run/server\n- 0 /no/such/program", and: startsWithThePod("exit 0"))
        let pod = try TestPod(.init(prepare: prepare))
        var client = try pod.connect()
        try waitFor("it has failed") { try client.shell("wc -l < /run/starts").output == "3\n" }
        // Long enough for a fourth.
        #expect(try client.shell("sleep 1; wc -l < /run/starts").output == "3\n")
        #expect(try client.list().allSatisfy { $0.status != nil })
    }

    @Test func aFIFOInPlaceOfTheFileDoesNotHoldAnybodyUp() throws {
        let fifo = "rm /etc/mediapod/servers; mkfifo /etc/mediapod/sockets"
        let pod = try TestPod(.init(prepare: prepare("", and: fifo)))
        var client = try pod.connect()
        #expect(try client.shell("echo here").output == "here\n")
    }
}
