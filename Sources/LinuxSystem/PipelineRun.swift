internal import CLinux
internal import Glibc
internal import SystemPackage

/// One run of a `Pipeline`: its programs, which have been started, its descriptors, and the loop that waits for all of
/// them. The programs end with it.
public final class PipelineRun {
    private let pipeline: Pipeline
    private var source: Pipeline.Source?
    private var sink: Pipeline.Sink?
    private var stages: [PipelineStage] = []
    /// Our end of the first program's input and of the last one's output; `nil` once there is no more.
    private var input: OwnedDescriptor?
    private var output: OwnedDescriptor?
    /// What `source` gave and the pipe has not taken.
    private var pending = Pipeline.Piece(UnsafeRawBufferPointer(start: nil, count: 0))
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Pipeline.pipeCapacity, alignment: 16)
    private let clock = SuspendingClock()
    private var lastMove: SuspendingClock.Instant
    private var lastCount: UInt64 = 0

    init(_ pipeline: Pipeline, feeding: Bool, collecting: Bool) throws {
        self.pipeline = pipeline
        lastMove = clock.now
        precondition(!pipeline.commands.isEmpty || feeding && collecting, "somebody at both ends")
        if !pipeline.commands.isEmpty { try start(feeding, collecting) }
    }

    deinit {
        // The programs go before the descriptors that they were held up at.
        for stage in stages { stage.process.kill() }
        stages = []
        buffer.deallocate()
    }

    private func start(_ feeding: Bool, _ collecting: Bool) throws {
        let null = OwnedDescriptor(adopting: try check(csys_open("/dev/null", O_RDWR, 0)))
        var upstream: OwnedDescriptor? = nil
        if feeding {
            var pipe = try Pipe(capacity: Pipeline.pipeCapacity)
            try pipe.write?.setNonBlocking(true)
            input = pipe.write.take()
            upstream = pipe.read.take()
        }
        for (index, command) in pipeline.commands.enumerated() {
            var errors = try Pipe(capacity: 1 << 16)
            try errors.read?.setNonBlocking(true)
            var downstream: OwnedDescriptor? = nil
            var next: OwnedDescriptor? = nil
            if index < pipeline.commands.count - 1 || collecting {
                var pipe = try Pipe(capacity: Pipeline.pipeCapacity)
                downstream = pipe.write.take()
                next = pipe.read.take()
            }
            let process = try ChildProcess(
                command, input: upstream.number ?? null.number, output: downstream.number ?? null.number,
                error: errors.write.number ?? null.number, keeping: pipeline.keeping)
            stages.append(PipelineStage(process, input: upstream.take(), errors: errors.read.take()))
            upstream = next.take()
        }
        if let last = upstream.take() {
            try last.setNonBlocking(true)
            output = consume last
        }
    }

    // MARK: - The loop

    /// Throws for a program that has ended by now.
    public func requireAlive() throws {
        for stage in stages { stage.readErrors(pipeline.onErrorLine) }
        try judge()
    }

    /// Waits, before there is any input, until the last program writes the first bytes of its output: for programs that
    /// take their time to begin.
    public func waitForOutput() throws {
        lastMove = clock.now
        while let number = output.number {
            var polled = [pollfd(fd: number, events: Int16(POLLIN), revents: 0)]
            polled += stages.map { pollfd(fd: $0.process.pidfd.number, events: Int16(POLLIN), revents: 0) }
            let count = try retrying { poll(&polled, UInt(polled.count), 1000) }
            if polled[0].revents != 0 { return }
            if count == 0 { try checkForStall() }
            try requireAlive()
        }
    }

    /// Runs to the end.
    ///
    /// - Parameter tick: called about ten times a second.
    public func finish(
        source: Pipeline.Source? = nil, sink: Pipeline.Sink? = nil, tick: () -> Void = {}
    ) throws {
        var lastTick = clock.now
        func tickInTime() {
            guard clock.now - lastTick >= .milliseconds(100) else { return }
            lastTick = clock.now
            tick()
        }
        if pipeline.commands.isEmpty, let source, let sink {
            while let piece = try source() {
                try sink(piece.bytes)
                tickInTime()
            }
            return
        }
        precondition((source != nil) == (input != nil) && (sink != nil) == (output != nil), "as it was started")
        self.source = source
        self.sink = sink
        lastMove = clock.now
        while input != nil || output != nil || stages.contains(where: { !$0.isOver }) {
            try fill()
            if try !wait() { try checkForStall() }
            for stage in stages { stage.readErrors(pipeline.onErrorLine) }
            try drain()
            try push()
            try judge()
            tickInTime()
        }
    }

    /// Waits until something can be done; false when nothing could for a second.
    private func wait() throws -> Bool {
        var polled: [pollfd] = []
        func add(_ number: Int32, _ events: Int32) {
            polled.append(pollfd(fd: number, events: Int16(events), revents: 0))
        }
        if let number = input.number, !pending.bytes.isEmpty { add(number, POLLOUT) }
        if let number = output.number { add(number, POLLIN) }
        for stage in stages {
            if let number = stage.errors.number { add(number, POLLIN) }
            if stage.process.status == nil {
                add(stage.process.pidfd.number, POLLIN)
            }
            // Whether somebody still writes for a program that has ended.
            else if let number = stage.input.number {
                add(number, POLLIN)
            }
        }
        return try retrying { poll(&polled, UInt(polled.count), 1000) } > 0
    }

    /// Asks `source` for more.
    private func fill() throws {
        guard input != nil, pending.bytes.isEmpty, let source else { return }
        repeat {
            guard let next = try source() else {
                input = nil
                return
            }
            pending = next
        } while pending.bytes.isEmpty
        lastMove = clock.now
    }

    /// Writes what the first program's input takes.
    private func push() throws {
        guard let number = input.number, !pending.bytes.isEmpty else { return }
        let (start, count) = (pending.bytes.baseAddress, pending.bytes.count)
        let written = pending.isMapped ? csys_give_pages(number, start, count) : write(number, start, count)
        if written < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            throw Errno(rawValue: errno)
        }
        pending.bytes = UnsafeRawBufferPointer(rebasing: pending.bytes[written...])
        lastMove = clock.now
    }

    /// Reads what the last program's output has.
    private func drain() throws {
        guard let number = output.number, let sink else { return }
        let got = read(number, buffer.baseAddress, buffer.count)
        if got < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            throw Errno(rawValue: errno)
        }
        if got == 0 {
            output = nil
        } else {
            try sink(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        }
        lastMove = clock.now
    }

    // MARK: - Whose fault

    /// Reaps what has ended, and throws for the first that ended badly.
    private func judge() throws {
        var bad: [PipelineStage] = []
        for stage in stages {
            if stage.process.status == nil, stage.process.hasEnded {
                stage.process.wait()
                lastMove = clock.now
                // It may have written between the last look and its end.
                stage.readErrors(pipeline.onErrorLine)
                stage.closeErrors()
            }
            if stage.process.status != nil { stage.checkLeftovers() }
            if stage.endedBadly { bad.append(stage) }
        }
        // Of several that ended since the last look, a broken pipe is never the cause; otherwise what comes first in
        // the pipeline made those after it fail, by an input that was cut short.
        guard var culprit = bad.first(where: { $0.process.status != .signalled(SIGPIPE) }) ?? bad.first else {
            return
        }
        // The one before may have closed its output and not quite have ended: it is the cause then.
        while culprit.sawEndOfInput, let before = stage(before: culprit), before.process.status == nil {
            guard before.process.wait(milliseconds: 1000) else { break }
            before.readErrors(pipeline.onErrorLine)
            guard before.endedBadly else { break }
            culprit = before
        }
        throw culprit.failure
    }

    private func stage(before stage: PipelineStage) -> PipelineStage? {
        guard let index = stages.firstIndex(where: { $0 === stage }), index > 0 else { return nil }
        return stages[index - 1]
    }

    private func checkForStall() throws {
        guard let limit = pipeline.stallLimit else { return }
        let count = stages.reduce(UInt64(0)) { sum, stage in
            let moved = stage.bytesMoved()
            return sum &+ moved.read &+ moved.written
        }
        if count != lastCount {
            lastCount = count
            lastMove = clock.now
        }
        guard clock.now - lastMove >= .seconds(limit) else { return }
        // From the end: who has input waiting does not take it; who has none waits for the one before, if it lives.
        let living = stages.filter { $0.process.status == nil }
        let culprit = living.last { $0.hasInputWaiting } ?? living.first
        guard let culprit else { return }
        throw Failure(
            sentence: "\(culprit.process.command.name) has made no progress for \(limit) s\(culprit.lastWords)")
    }
}

extension Optional where Wrapped == OwnedDescriptor {
    /// The descriptor's number; the owner stays where it is.
    var number: Int32? {
        switch self {
        case .some(let descriptor): descriptor.number
        case .none: nil
        }
    }
}
