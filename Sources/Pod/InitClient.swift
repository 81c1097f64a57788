import Glibc
import PodInitABI

/// A connection to a pod's init: starts programs in the pod, carries their input and output, ends the pod.
///
/// One owner, one thread at a time. Closing it (by its end of life) leaves the programs running. What arrives while
/// a request waits for its answer is kept for `nextEvent`.
public struct InitClient: ~Copyable, Sendable {
    private let connection: InitConnection
    private var lastRequest: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: Int(POD_INIT_PACKET_MAX))

    private var kept: [InitEvent] = []
    private var keptTaken = 0
    private var keptBytes = 0
    /// How much a pod may make this process keep.
    private static let keptLimit = 16 << 20

    /// Bytes that may be sent to a program, by its id.
    private var stdinRooms: [UInt32: Int] = [:]

    /// How long pod-init may take to answer. A frozen pod does not answer at all.
    public var answerTimeout: Duration

    /// For an event loop: readable when `nextEvent` has something to return, if it returned `nil` before.
    public var descriptor: Int32 { connection.descriptor }

    /// Connects to the socket at `path`, of at most 107 bytes. `networkNamespace` is open on the pod's: a
    /// connection from another would keep the pod from being checkpointed. Both descriptors stay the caller's.
    /// Needs root.
    public init(path: String, networkNamespace: Int32, answerTimeout: Duration = .seconds(30)) throws {
        let connection = try InitConnection.greeted(
            path: path, networkNamespace: networkNamespace, deadline: .now + answerTimeout)
        self.init(connection, answerTimeout)
    }

    /// Connects to a socket that was opened with O_PATH, so that its path cannot lead out of the pod.
    public init(descriptor: Int32, networkNamespace: Int32, answerTimeout: Duration = .seconds(30)) throws {
        try self.init(
            path: "/proc/self/fd/\(descriptor)", networkNamespace: networkNamespace, answerTimeout: answerTimeout)
    }

    private init(_ connection: consuming InitConnection, _ answerTimeout: Duration) {
        self.connection = connection
        self.answerTimeout = answerTimeout
    }

    /// Starts a program and, unless it is detached, attaches to it. A program that cannot be run throws `refused`,
    /// of which `exitCode` is what a shell would say.
    public mutating func start(_ command: InitCommand) throws -> InitStarted {
        let answer = try ask { try command.packet(request: $0) }
        return try started(answer)
    }

    /// Attaches to a program's further output and its exit. `takingStdin`: it then reads from this client and no
    /// other.
    public mutating func attach(to program: UInt32 = InitClient.main, takingStdin: Bool = false) throws
        -> InitStarted
    {
        let flags = takingStdin ? PodInitAttachFlagStdin.rawValue : 0
        let answer = try ask { request in
            [UInt8](wire: PodInitAttach(header: .init(PodInitTypeAttach, request), program: program, flags: flags))
        }
        return try started(answer)
    }

    /// Stands for the main program's id.
    public static let main: UInt32 = POD_INIT_MAIN

    private mutating func started(_ answer: InitMessage) throws -> InitStarted {
        guard case .started(let started, let room) = answer else { throw Self.unexpected(answer) }
        stdinRooms[started.program] = room
        return started
    }

    /// How many bytes `sendStdin` takes now.
    public func stdinRoom(of program: UInt32) -> Int {
        stdinRooms[program] ?? 0
    }

    /// Sends to the program's standard input what there is room for, and returns how many bytes that was. After
    /// `stdinTaken` there is room again.
    public mutating func sendStdin(_ bytes: some Collection<UInt8>, to program: UInt32) throws -> Int {
        var rest = bytes.prefix(stdinRoom(of: program))
        var sent = 0
        while !rest.isEmpty {
            let part = rest.prefix(32768)
            var packet = [UInt8](
                wire: PodInitBytes(header: .init(PodInitTypeStdin, 0), program: program, stream: 0))
            packet.append(contentsOf: part)
            try send(packet, until: .now + answerTimeout)
            sent += part.count
            stdinRooms[program, default: 0] -= part.count
            rest = rest.dropFirst(part.count)
        }
        return sent
    }

    /// Ends the program's standard input, after what has been sent. Not for a terminal: that is sent its
    /// end-of-file character.
    public mutating func closeStdin(of program: UInt32) throws {
        try order {
            [UInt8](wire: PodInitBytes(header: .init(PodInitTypeStdinEnd, $0), program: program, stream: 0))
        }
    }

    /// Sends a signal to the program's process group.
    public mutating func signal(_ number: Int32, to program: UInt32) throws {
        try order {
            [UInt8](wire: PodInitSignal(header: .init(PodInitTypeSignal, $0), program: program, number: number))
        }
    }

    /// Sets the size of the program's terminal, in characters.
    public mutating func resize(_ program: UInt32, rows: UInt16, columns: UInt16) throws {
        try order { request in
            [UInt8](
                wire: PodInitWindowSize(
                    header: .init(PodInitTypeWindowSize, request), program: program, rows: rows, columns: columns))
        }
    }

    /// The programs that were started since the pod was, but for the oldest that have exited.
    public mutating func list() throws -> [InitProgram] {
        let deadline: Deadline = .now + answerTimeout
        let request = nextRequest()
        try send([UInt8](wire: PodInitHeader(PodInitTypeList, request)), until: deadline)
        var programs: [InitProgram] = []
        while programs.count <= 1024 {
            switch try answer(to: request, until: deadline) {
            case .program(let program): programs.append(program)
            case .done: return programs
            case let other: throw Self.unexpected(other)
            }
        }
        throw InitClientError.malformed("an endless list")
    }

    /// Ends the pod: SIGTERM to every process, SIGKILL after the grace, which is pod-init's own when `nil`. Returns
    /// at once; the end is that `nextEvent` throws `disconnected`.
    public mutating func shutdown(grace: Duration? = nil) throws {
        var milliseconds = POD_INIT_GRACE_DEFAULT
        if let grace {
            let (seconds, attoseconds) = grace.components
            let exact = Double(seconds) * 1000 + Double(attoseconds) / 1e15
            milliseconds = UInt32(min(max(exact, 0), Double(POD_INIT_GRACE_DEFAULT - 1)))
        }
        try order {
            [UInt8](wire: PodInitShutdown(header: .init(PodInitTypeShutdown, $0), graceMilliseconds: milliseconds))
        }
    }

    /// What happened next, or `nil` if nothing did in time. `nil` waits for ever.
    public mutating func nextEvent(timeout: Duration? = nil) throws -> InitEvent? {
        if let event = takeKept() { return event }
        let deadline: Deadline = timeout.map { .now + $0 }
        while let (_, message) = try receive(until: deadline) {
            // Anything else answers a request that was given up.
            if case .event(let event) = message { return event }
        }
        return nil
    }
}

// MARK: - Requests and answers

extension InitClient {
    private mutating func nextRequest() -> UInt32 {
        // 0 marks what answers nothing.
        lastRequest = lastRequest == .max ? 1 : lastRequest + 1
        return lastRequest
    }

    private mutating func ask(_ packet: (UInt32) throws -> [UInt8]) throws -> InitMessage {
        let deadline: Deadline = .now + answerTimeout
        let request = nextRequest()
        try send(try packet(request), until: deadline)
        return try answer(to: request, until: deadline)
    }

    private mutating func order(_ packet: (UInt32) throws -> [UInt8]) throws {
        let answer = try ask(packet)
        guard case .done = answer else { throw Self.unexpected(answer) }
    }

    private static func unexpected(_ answer: InitMessage) -> InitClientError {
        if case .refused(let stage, let errno) = answer { return .refused(stage: stage, errno: errno) }
        return .malformed("an answer to another request")
    }

    private mutating func answer(to request: UInt32, until deadline: Deadline) throws -> InitMessage {
        while let (number, message) = try receive(until: deadline) {
            if case .event(let event) = message {
                try keep(event)
            } else if number == request {
                return message
            }
        }
        throw InitClientError.timedOut
    }

    private mutating func send(_ packet: [UInt8], until deadline: Deadline) throws {
        while try !connection.send(packet) {
            guard try connection.wait(for: POLLIN | POLLOUT, until: deadline) else {
                throw InitClientError.timedOut
            }
            // pod-init reads nothing from a client that does not take what it is sent.
            if let (_, message) = try receiveNow(), case .event(let event) = message { try keep(event) }
        }
    }

    private mutating func keep(_ event: InitEvent) throws {
        keptBytes += Self.size(of: event)
        guard keptBytes <= Self.keptLimit else { throw InitClientError.malformed("more than can be kept") }
        kept.append(event)
    }

    private mutating func takeKept() -> InitEvent? {
        guard keptTaken < kept.count else { return nil }
        let event = kept[keptTaken]
        keptTaken += 1
        keptBytes -= Self.size(of: event)
        if keptTaken == kept.count {
            kept.removeAll()
            keptTaken = 0
        }
        return event
    }

    private static func size(of event: InitEvent) -> Int {
        guard case .output(_, _, let bytes) = event else { return MemoryLayout<InitEvent>.stride }
        return bytes.count + MemoryLayout<InitEvent>.stride
    }

    private mutating func receive(until deadline: Deadline) throws -> (request: UInt32, message: InitMessage)? {
        while true {
            if let message = try receiveNow() { return message }
            guard try connection.wait(for: POLLIN, until: deadline) else { return nil }
        }
    }

    private mutating func receiveNow() throws -> (request: UInt32, message: InitMessage)? {
        guard let received = try connection.receiveMessage(&buffer) else { return nil }
        account(received.message)
        return received
    }

    private mutating func account(_ message: InitMessage) {
        guard case .event(let event) = message else { return }
        switch event {
        case .stdinTaken(let program, let count):
            if let room = stdinRooms[program] {
                stdinRooms[program] = min(room + count, Int(POD_INIT_STDIN_WINDOW))
            }
        case .stdinClosed(let program, _), .exited(let program, _):
            stdinRooms[program] = nil
        case .output:
            break
        }
    }
}
