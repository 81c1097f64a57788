internal import Glibc
public import LinuxSystem
internal import Pod
internal import SystemPackage

/// Carries a program's input and output between the pod and this process's own.
struct Carrier: ~Copyable {
    private let program: InitStarted
    private let signals: SignalDescriptor
    private let terminal: TerminalMode?
    /// Read and not yet sent.
    private var input: [UInt8] = []
    private var inputHasEnded = false
    private var inputIsClosed = false

    init(program: InitStarted, signals: SignalDescriptor, interactive: Bool) {
        self.program = program
        self.signals = signals
        terminal = interactive && isatty(0) == 1 ? TerminalMode(raw: 0) : nil
    }

    consuming func carry(_ client: inout InitClient) throws -> AttachedEnd {
        resize(&client)
        while true {
            try sendInput(&client)
            // Last before the wait: what came while a request was answered does not make the descriptor readable again.
            if let end = try takeEvents(&client) { return end }
            if !input.isEmpty && !inputIsClosed && client.stdinRoom(of: program.program) > 0 { continue }
            var entries = [
                pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wantsInput(client) ? 0 : -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 3, -1) > 0 else { continue }
            if entries[1].revents != 0 {
                while let signal = signals.next() {
                    if let end = try handle(signal, &client) { return end }
                }
            }
            if entries[2].revents != 0 { readInput() }
        }
    }

    /// What has come by now; the program's end when it is among it.
    private mutating func takeEvents(_ client: inout InitClient) throws -> AttachedEnd? {
        do {
            while let event = try client.nextEvent(timeout: .zero) {
                switch event {
                case .output(_, let stream, let bytes): Self.write(bytes, to: stream == 2 ? 2 : 1)
                case .exited(_, let status): return .exited(status.shellCode)
                case .stdinTaken: break
                case .stdinClosed: inputIsClosed = true
                }
            }
        } catch InitClientError.disconnected {
            throw Failure("the pod", "has ended before its program did")
        }
        return nil
    }

    private func wantsInput(_ client: borrowing InitClient) -> Bool {
        !inputHasEnded && !inputIsClosed && input.isEmpty && client.stdinRoom(of: program.program) > 0
    }

    private mutating func readInput() {
        var buffer = [UInt8](repeating: 0, count: 32768)
        let count = read(0, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
        if count <= 0 {
            inputHasEnded = true
            return
        }
        input = Array(buffer[..<count])
    }

    private mutating func sendInput(_ client: inout InitClient) throws {
        guard !inputIsClosed else { return }
        if !input.isEmpty {
            input.removeFirst(try client.sendStdin(input, to: program.program))
        }
        if inputHasEnded && input.isEmpty {
            inputIsClosed = true
            // A terminal's end of input is a character that its line discipline understands.
            if program.hasTerminal {
                _ = try client.sendStdin([4], to: program.program)
            } else {
                try? client.closeStdin(of: program.program)
            }
        }
    }

    private mutating func handle(_ signal: Int32, _ client: inout InitClient) throws -> AttachedEnd? {
        switch signal {
        case SIGUSR1:
            // The pod stands still: what it has said is all there is.
            return try takeEvents(&client) ?? .suspended(program.program, isMain: program.isMain)
        case SIGWINCH:
            resize(&client)
        default:
            try? client.signal(signal, to: program.program)
        }
        return nil
    }

    private func resize(_ client: inout InitClient) {
        guard program.hasTerminal, let size = TerminalMode.size(of: 0) else { return }
        try? client.resize(program.program, rows: size.rows, columns: size.columns)
    }

    /// Nobody reads any more: the program's output is in the pod's logs, and it goes on.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// The signals that a program which calls `execute` or `follow` has to read.
    static let signals = [SIGUSR1, SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT]
}

extension SignalDescriptor {
    /// Those that `Session.execute` and `follow` handle. Before any other thread starts.
    public static func forAttachedProgram() throws -> SignalDescriptor {
        // Somebody may stop reading our output; that is no reason to fall over.
        signal(SIGPIPE, SIG_IGN)
        return try attempt("read", "signals") { () throws(Errno) in try SignalDescriptor(Carrier.signals) }
    }
}
