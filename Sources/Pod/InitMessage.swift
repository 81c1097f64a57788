import Glibc
import PodInitABI

/// A packet from pod-init. The pod is hostile: whatever does not fit is an error, never a trap.
enum InitMessage {
    case hello(version: UInt32)
    case started(InitStarted, stdinRoom: Int)
    case program(InitProgram)
    case done
    case refused(stage: InitStage, errno: Int32)
    case event(InitEvent)

    /// Reads one packet; `request` is the number of the request that it answers.
    static func parse(_ packet: UnsafeRawBufferPointer) throws -> (request: UInt32, message: InitMessage) {
        guard let header = packet.front(PodInitHeader.self) else {
            throw InitClientError.malformed("a packet without a header")
        }
        guard let message = message(of: PodInitType(rawValue: header.type), packet) else {
            throw InitClientError.malformed("a message of type \(header.type) and \(packet.count) bytes")
        }
        return (header.request, message)
    }

    private static func message(of type: PodInitType, _ packet: UnsafeRawBufferPointer) -> InitMessage? {
        switch type {
        case PodInitTypeHello:
            guard let hello = packet.front(PodInitHello.self), hello.magic == POD_INIT_MAGIC else { return nil }
            return .hello(version: hello.version)
        case PodInitTypeStarted:
            guard let started = packet.front(PodInitStarted.self) else { return nil }
            return .started(InitStarted(started), stdinRoom: Int(min(started.stdinRoom, POD_INIT_STDIN_WINDOW)))
        case PodInitTypeListEntry:
            return InitProgram(packet).map { .program($0) }
        case PodInitTypeDone:
            return .done
        case PodInitTypeError:
            guard let error = packet.front(PodInitError.self) else { return nil }
            // Stdin has no answer of its own, so what becomes of it is an event.
            if error.header.request == 0 {
                return .event(.stdinClosed(program: error.program, errno: error.error))
            }
            return .refused(stage: InitStage(rawValue: error.stage), errno: error.error)
        default:
            return event(of: type, packet).map { .event($0) }
        }
    }

    private static func event(of type: PodInitType, _ packet: UnsafeRawBufferPointer) -> InitEvent? {
        switch type {
        case PodInitTypeOutput:
            guard let output = packet.front(PodInitBytes.self), (1...2).contains(output.stream) else { return nil }
            let bytes = Array(packet.dropFirst(MemoryLayout<PodInitBytes>.size))
            return .output(program: output.program, stream: output.stream, bytes: bytes)
        case PodInitTypeExited:
            guard let exited = packet.front(PodInitExited.self) else { return nil }
            return .exited(
                program: exited.program, status: InitExitStatus(code: exited.code, signal: exited.signal))
        case PodInitTypeStdinTaken:
            guard let taken = packet.front(PodInitStdinTaken.self) else { return nil }
            return .stdinTaken(program: taken.program, count: Int(min(taken.count, POD_INIT_STDIN_WINDOW)))
        default:
            return nil
        }
    }
}

extension InitCommand {
    /// Throws `refused(exec, E2BIG)` if it does not fit into one packet, and `refused(message, EINVAL)` if a string
    /// has a NUL in it or there are no arguments.
    func packet(request: UInt32) throws -> [UInt8] {
        var flags: UInt32 = 0
        if isMain { flags |= PodInitFlagMain.rawValue }
        if isDetached { flags |= PodInitFlagDetached.rawValue }
        if hasStdin { flags |= PodInitFlagStdin.rawValue }
        if terminal != nil { flags |= PodInitFlagTTY.rawValue }

        var (uid, gid, name): (UInt32, UInt32, String) = (0, 0, "")
        switch user {
        case .ids(let userID, let groupID): (uid, gid) = (userID, groupID)
        case .name(let userName): name = userName
        }
        let strings = [workingDirectory, name] + arguments + environment
        guard !arguments.isEmpty, !strings.contains(where: { $0.utf8.contains(0) }) else {
            throw InitClientError.refused(stage: .message, errno: EINVAL)
        }
        guard strings.count <= Int(POD_INIT_PACKET_MAX) else {
            throw InitClientError.refused(stage: .exec, errno: E2BIG)
        }

        var packet = [UInt8](
            wire: PodInitExec(
                header: PodInitHeader(PodInitTypeExec, request), flags: flags, uid: uid, gid: gid,
                argumentCount: UInt32(arguments.count), environmentCount: UInt32(environment.count),
                rows: terminal?.rows ?? 0, columns: terminal?.columns ?? 0))
        for string in strings {
            packet.append(contentsOf: string.utf8)
            packet.append(0)
        }
        guard packet.count <= Int(POD_INIT_PACKET_MAX) else {
            throw InitClientError.refused(stage: .exec, errno: E2BIG)
        }
        return packet
    }
}

extension PodInitHeader {
    init(_ type: PodInitType, _ request: UInt32) {
        self.init(type: type.rawValue, request: request)
    }
}

extension InitStarted {
    init(_ started: PodInitStarted) {
        self.init(
            program: started.program, pid: started.pid,
            isMain: started.flags & PodInitFlagMain.rawValue != 0,
            hasTerminal: started.flags & PodInitFlagTTY.rawValue != 0)
    }
}

extension InitExitStatus {
    init(code: Int32, signal: Int32) {
        self = signal != 0 ? .signal(signal) : .code(code)
    }
}

extension InitProgram {
    init?(_ packet: UnsafeRawBufferPointer) {
        guard let entry = packet.front(PodInitListEntry.self) else { return nil }
        let arguments = packet.dropFirst(MemoryLayout<PodInitListEntry>.size).prefix(Int(POD_INIT_COMMAND_MAX))
            .split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let running = entry.state == PodInitStateRunning.rawValue
        self.init(
            program: entry.program, pid: entry.pid,
            status: running ? nil : InitExitStatus(code: entry.code, signal: entry.signal),
            isMain: entry.flags & PodInitFlagMain.rawValue != 0,
            hasTerminal: entry.flags & PodInitFlagTTY.rawValue != 0,
            started: entry.started,
            // The last NUL ends a string and does not begin another.
            arguments: arguments.last == "" ? arguments.dropLast() : arguments)
    }
}

extension UnsafeRawBufferPointer {
    /// The struct that the bytes begin with, if there are enough.
    fileprivate func front<Message: BitwiseCopyable>(_ type: Message.Type) -> Message? {
        count >= MemoryLayout<Message>.size ? loadUnaligned(as: type) : nil
    }
}

extension [UInt8] {
    /// The bytes of a struct of the wire, none of which is padding.
    init(wire message: some BitwiseCopyable) {
        self = Swift.withUnsafeBytes(of: message) { Array($0) }
    }
}
