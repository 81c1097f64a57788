import Glibc
import Pod
import PodInitABI
import Testing

@Suite(.timeLimit(.minutes(2))) struct HostileTests {
    func bytes(_ message: some BitwiseCopyable) -> [UInt8] {
        withUnsafeBytes(of: message) { Array($0) }
    }

    func header(_ type: PodInitType) -> PodInitHeader {
        PodInitHeader(type: type.rawValue, request: 7)
    }

    var hello: [UInt8] {
        bytes(PodInitHello(header: header(PodInitTypeHello), magic: POD_INIT_MAGIC, version: POD_INIT_VERSION))
    }

    func exec(_ strings: [UInt8], flags: UInt32 = 0, uid: UInt32 = 0, arguments: UInt32, environment: UInt32)
        -> [UInt8]
    {
        bytes(
            PodInitExec(
                header: header(PodInitTypeExec), flags: flags, uid: uid, gid: 0, argumentCount: arguments,
                environmentCount: environment, rows: 0, columns: 0)) + strings
    }

    func send(_ packet: [UInt8], _ socket: Int32) {
        _ = packet.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// The next message, or nothing when the connection is closed.
    func receive(_ socket: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 10000) == 1 else { return [] }
        let count = recv(socket, &buffer, buffer.count, 0)
        return Array(buffer.prefix(max(count, 0)))
    }

    func error(_ message: [UInt8]) -> PodInitError? {
        guard message.count == MemoryLayout<PodInitError>.size else { return nil }
        return message.withUnsafeBytes { $0.loadUnaligned(as: PodInitError.self) }
    }

    @Test func malformedRequestsAreRefused() throws {
        let pod = try TestPod()
        let socket = try rawConnection(pod)
        defer { close(socket) }
        send(hello, socket)
        #expect(receive(socket).count == 16)

        let nul: [UInt8] = [0]
        let malformed: [(String, [UInt8])] = [
            ("of an unknown type", bytes(PodInitHeader(type: 999, request: 7))),
            ("of a server's type", bytes(header(PodInitTypeStarted))),
            ("cut short", Array(bytes(header(PodInitTypeAttach)) + [1, 2])),
            ("too long", hello + [0]),
            ("exec without strings", exec([], arguments: 1, environment: 0)),
            ("exec without arguments", exec(nul + nul, arguments: 0, environment: 0)),
            ("exec with fewer strings than it says", exec(nul + nul + [65, 0], arguments: 2, environment: 0)),
            (
                "exec with more strings than it says",
                exec(nul + nul + [65, 0, 66, 0], arguments: 1, environment: 0)
            ),
            ("exec that does not end", exec(nul + nul + [65, 0, 66], arguments: 1, environment: 1)),
            ("exec with huge counts", exec(nul + nul + nul, arguments: .max, environment: .max)),
            ("exec with unknown flags", exec(nul + nul + nul, flags: 1 << 20, arguments: 1, environment: 0)),
            ("exec as nobody at all", exec(nul + nul + nul, uid: .max, arguments: 1, environment: 0)),
        ]
        for (what, packet) in malformed {
            send(packet, socket)
            let answer = error(receive(socket))
            #expect(answer?.error == EINVAL && answer?.header.request == 7, "\(what)")
        }
        send([UInt8](repeating: 0x42, count: 70000), socket)
        #expect(error(receive(socket))?.error == EMSGSIZE)
        send(exec([UInt8](repeating: 0, count: 70000), arguments: 1, environment: 0), socket)
        #expect(error(receive(socket))?.error == E2BIG)

        var client = try pod.connect()
        let outcome = try client.run("echo", "alive")
        #expect(outcome.output == "alive\n")
    }

    @Test func withoutAGreetingOrWithAnotherVersionTheConnectionIsClosed() throws {
        let pod = try TestPod()
        for (packet, errno) in [
            (bytes(header(PodInitTypeList)), EPROTO),
            (
                bytes(PodInitHello(header: header(PodInitTypeHello), magic: POD_INIT_MAGIC, version: 99)),
                EPROTONOSUPPORT
            ),
        ] {
            let socket = try rawConnection(pod)
            defer { close(socket) }
            send(packet, socket)
            #expect(error(receive(socket))?.error == errno)
            #expect(receive(socket).isEmpty)
        }
    }

    @Test func requestsOfAClientThatHasVanishedAreCarriedOut() throws {
        let pod = try TestPod()
        for _ in 1...20 {
            let socket = try rawConnection(pod)
            send(hello, socket)
            _ = receive(socket)
            send(bytes(header(PodInitTypeList)), socket)
            send(
                exec(
                    Array("/\0\0/bin/sleep\u{0}1000\0".utf8), flags: PodInitFlagDetached.rawValue,
                    arguments: 2, environment: 0), socket)
            // The answer to the first is there, unread.
            var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, 10000)
            send(
                exec(
                    Array("/\0\0/bin/sleep\u{0}1000\0".utf8), flags: PodInitFlagDetached.rawValue,
                    arguments: 2, environment: 0), socket)
            close(socket)
        }
        var client = try pod.connect()
        try waitFor("all of them") { try client.list().count == 40 }
    }

    @Test func noiseDoesNotKillIt() throws {
        let pod = try TestPod()
        var random = SplitMix(state: 20_240_229)
        for round in 0..<40 {
            let socket = try rawConnection(pod)
            defer { close(socket) }
            if round % 4 != 0 { send(hello, socket) }
            for _ in 0..<50 {
                // Mostly almost right: a known type, a plausible size, small numbers. Not Shutdown, which it would
                // obey.
                let type = [2, 2, 3, 4, 5, 6, 7, 8, 1, 70].randomElement(using: &random)!
                var packet = bytes(PodInitHeader(type: UInt32(type), request: random.next32()))
                let words = Int.random(in: 0...12, using: &random)
                for _ in 0..<words { packet += bytes(UInt32.random(in: 0...3, using: &random)) }
                if Bool.random(using: &random) { packet.removeLast(Int.random(in: 0...7, using: &random)) }
                if Int.random(in: 0..<20, using: &random) == 0 {
                    packet += [UInt8](repeating: 0, count: Int.random(in: 0...69000, using: &random))
                }
                var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                guard poll(&entry, 1, 200) == 1 else { break }
                send(packet, socket)
            }
        }
        var client = try pod.connect()
        let outcome = try client.run("echo", "alive")
        #expect(outcome.output == "alive\n")
    }

    @Test func aClientThatSendsWithoutReadingIsHeldUpAndHurtsNobody() throws {
        let pod = try TestPod()
        let socket = try rawConnection(pod)
        defer { close(socket) }
        send(hello, socket)
        let packet = bytes(header(PodInitTypeList))
        var sent = 0
        var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        while poll(&entry, 1, 300) == 1, sent < 100_000 {
            send(packet, socket)
            sent += 1
        }
        #expect(sent < 100_000)
        var client = try pod.connect()
        let outcome = try client.run("echo", "alive")
        #expect(outcome.output == "alive\n")
        #expect(try residentBytes(pod.initPID) < 64 << 20)
    }

    func residentBytes(_ process: pid_t) throws -> Int {
        // Sanitized builds keep shadow memory: only the growth would count there.
        guard getenv("POD_INIT") == nil else { return 0 }
        let fields = TestPod.read("/proc/\(process)/statm").split(separator: " ")
        return (try #require(Int(fields[1]))) * 4096
    }

    @Test func aFifoInPlaceOfAFileHoldsUpNobodyElse() throws {
        let pod = try TestPod(
            .init(prepare: "umount /etc/passwd; mkfifo /run/fifo; mount --bind /run/fifo /etc/passwd"))
        var stuck = try pod.connect()
        stuck.answerTimeout = .milliseconds(300)
        do {
            _ = try stuck.start(InitCommand(["true"], path: true))
            Issue.record("started")
        } catch InitClientError.timedOut {}
        var client = try pod.connect()
        let list = try client.list()
        #expect(list.isEmpty)
        try client.shutdown(grace: .zero)
        let end = try pod.waitForEnd()
        #expect(end == 0)
    }
}

/// Repeatable noise.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
