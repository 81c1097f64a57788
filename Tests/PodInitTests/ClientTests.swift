import CLinux
import Glibc
import Pod
import PodInitABI
import Testing

@Suite(.timeLimit(.minutes(2))) struct ClientTests {
    @Test func aClientConnectsThroughADescriptorOfThePodsSocket() throws {
        let pod = try TestPod()
        let oPath: Int32 = 0o10000000  // O_PATH, which the Glibc module does not show
        let descriptor = open(pod.socketPath, oPath | O_CLOEXEC)
        defer { close(descriptor) }
        let namespace = try pod.networkNamespace()
        defer { close(namespace) }
        var client = try InitClient(descriptor: descriptor, networkNamespace: namespace)
        let outcome = try client.run("echo", "hello")
        #expect(outcome.output == "hello\n")
    }

    @Test func aConnectionFromAnotherNetworkNamespaceIsRefused() throws {
        let pod = try TestPod()
        let namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)
        defer { close(namespace) }
        #expect(throws: InitClientError.refused(stage: .message, errno: EXDEV)) {
            _ = try InitClient(path: pod.socketPath, networkNamespace: namespace)
        }
    }

    @Test func aSlowClientHoldsUpItsOwnProgramOnly() throws {
        let pod = try TestPod()
        var slow = try pod.connect()
        let program = try slow.start(InitCommand(["yes"], path: true)).program
        var size = -1
        try waitFor("the program to be held up") {
            let before = size
            usleep(100_000)
            size = pod.log("\(program).log").utf8.count
            return size == before && size > 0
        }

        var quick = try pod.connect()
        let outcome = try quick.shell("seq 1 50000")
        #expect(outcome.output == (1...50000).map { "\($0)\n" }.joined())
        #expect(pod.log("\(program).log").utf8.count == size)

        // Its other requests are answered once it has read what lies there.
        try slow.signal(SIGTERM, to: program)
        let end = try slow.finish(program)
        #expect(end.status == .signal(SIGTERM))
    }

    @Test func aProgramGoesOnWhenTheClientThatHeldItUpVanishes() throws {
        let pod = try TestPod()
        let program: UInt32
        do {
            var slow = try pod.connect()
            program = try slow.start(.shell("seq 1 400000; echo over")).program
            usleep(200_000)
        }
        try waitFor("the program's end") { pod.log("\(program).log").hasSuffix("over\n") }
        var client = try pod.connect()
        let attached = try client.attach(to: program)
        #expect(attached.program == program)
        let event = try client.nextEvent(timeout: .seconds(30))
        #expect(event == .exited(program: program, status: .code(0)))
    }

    @Test func everyAttachedClientGetsTheOutputAndTheExit() throws {
        let pod = try TestPod()
        var first = try pod.connect()
        var second = try pod.connect()
        var command = InitCommand.shell("read line; seq 1 50000; exit 2")
        command.hasStdin = true
        let program = try first.start(command).program
        _ = try second.attach(to: program)
        _ = try first.sendStdin("go\n".utf8, to: program)
        let expected = (1...50000).map { "\($0)\n" }.joined()
        // The faster of the two waits for the slower: read both in turns.
        var (outputs, ends): ([[UInt8]], [InitExitStatus?]) = ([[], []], [nil, nil])
        while ends.contains(nil) {
            for index in 0...1 where ends[index] == nil {
                let event = index == 0 ? try first.nextEvent(timeout: .zero) : try second.nextEvent(timeout: .zero)
                if case .output(_, _, let bytes) = event { outputs[index] += bytes }
                if case .exited(_, let status) = event { ends[index] = status }
            }
        }
        #expect(outputs.map { String(decoding: $0, as: UTF8.self) == expected } == [true, true])
        #expect(ends == [.code(2), .code(2)])
    }

    @Test func aDetachedProgramReportsToNobody() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        var command = InitCommand(["echo", "quiet"], path: true)
        command.isDetached = true
        let program = try client.start(command).program
        try waitFor("its log") { pod.log("\(program).log") == "quiet\n" }
        let event = try client.nextEvent(timeout: .milliseconds(100))
        #expect(event == nil)
    }

    @Test func anUnknownProgramIsRefused() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        for id: UInt32 in [InitClient.main, 1, .max] {
            do {
                _ = try client.attach(to: id)
                Issue.record("attached to \(id)")
            } catch InitClientError.refused(.program, ESRCH) {}
        }
    }

    @Test func moreClientsThanThereAreSlotsAreTurnedAway() throws {
        let pod = try TestPod()
        var sockets: [Int32] = []
        defer { sockets.forEach { close($0) } }
        for _ in 1...32 { sockets.append(try rawConnection(pod)) }
        #expect(throws: InitClientError.disconnected) { _ = try pod.connect() }
        close(sockets.removeLast())
        try waitFor("the free slot") { (try? pod.connect()) != nil }
    }

    @Test func clientsInsideThePodLeaveRoomForTheEngine() throws {
        let pod = try TestPod()
        var client = try pod.connect()
        let script = """
            use Socket;
            for (1..40) {
                socket($s[$_], PF_UNIX, SOCK_SEQPACKET, 0);
                connect($s[$_], pack_sockaddr_un("\(POD_INIT_SOCKET)"));
            }
            $| = 1; print "held\\n"; sleep 1000;
            """
        _ = try client.start(InitCommand(["perl", "-e", script], path: true))
        try client.waitForOutput("held")
        var other = try pod.connect()
        let outcome = try other.run("echo", "hello")
        #expect(outcome.output == "hello\n")
    }

    @Test(arguments: [false, true])
    func anOrdinaryUserOfThePodCannotConnect(userNamespace: Bool) throws {
        let pod = try TestPod(.init(userNamespace: userNamespace))
        var client = try pod.connect()
        // 65534 is also what somebody outside the pod's user namespace looks like.
        for uid: UInt32 in [1000, 65534] {
            var command = perl
            command.user = .ids(uid: uid, gid: uid)
            let outcome = try client.run(command)
            #expect(outcome.output == "connect: Permission denied\n", "\(outcome)")
        }
        // Not even when the folder is open.
        _ = try client.shell("chmod 755 /run/pod-init; chmod 777 /run/pod-init/control")
        for uid: UInt32 in [1000, 65534] {
            var command = perl
            command.user = .ids(uid: uid, gid: uid)
            let outcome = try client.run(command)
            #expect(
                ["no answer\n", "send: Broken pipe\n", "recv: Connection reset by peer\n"].contains(outcome.output))
        }
        let root = try client.run(perl)
        #expect(root.output == "16 bytes\n")
    }

    /// Says hello from inside the pod.
    private var perl: InitCommand {
        let script = """
            $| = 1; use Socket;
            socket(S, PF_UNIX, SOCK_SEQPACKET, 0) or die;
            connect(S, pack_sockaddr_un("\(POD_INIT_SOCKET)")) or do { print "connect: $!\\n"; exit };
            $SIG{PIPE} = "IGNORE";
            $hello = pack("LLLL", 1, 1, \(POD_INIT_MAGIC), \(POD_INIT_VERSION));
            defined send(S, $hello, 0) or do { print "send: $!\\n"; exit };
            defined recv(S, $b, 100, 0) or do { print "recv: $!\\n"; exit };
            print length($b) ? length($b) . " bytes\\n" : "no answer\\n";
            """
        return InitCommand(["perl", "-e", script], path: true)
    }
}

/// A connection that has said nothing yet.
func rawConnection(_ pod: TestPod) throws -> Int32 {
    let namespace = try pod.networkNamespace()
    defer { close(namespace) }
    let descriptor = csys_unix_socket_in(namespace, Int32(SOCK_SEQPACKET.rawValue))
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(pod.socketPath.utf8)) }
    var result: Int32 = -1
    try waitFor("a place in the queue") {
        result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 || (errno != EAGAIN && errno != ECONNREFUSED)
    }
    guard result == 0 else {
        let error = errno
        close(descriptor)
        throw TestPod.Failure(description: "connect: error \(error)")
    }
    return descriptor
}
