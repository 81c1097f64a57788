/// Programs whose standard output is the next one's standard input, with this process at one end, both or none.
///
/// What is different from a shell's: a program that fails, that ends before it has read all its input, or that makes no
/// progress is told apart from those which only suffer from it, and named with the last line it wrote to its
/// standard error. When `run` returns or throws, every program has ended. Without a program, what this process gives at
/// one end it takes at the other.
public struct Pipeline {
    /// Gives the next bytes of the first program's input; `nil` at the end.
    public typealias Source = () throws -> Piece?
    /// Takes bytes of the last program's output, valid during the call.
    public typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    /// Some of the first program's input, valid until the next is asked for.
    public struct Piece {
        public var bytes: UnsafeRawBufferPointer
        /// Whether it is a part of a mapped file that nobody changes any more: the pipe is given the file's own pages then,
        /// and nothing is copied.
        public var isMapped: Bool

        public init(_ bytes: UnsafeRawBufferPointer, isMapped: Bool = false) {
            self.bytes = bytes
            self.isMapped = isMapped
        }
    }

    /// Kilobytes move with few wake-ups; the largest pipe that root's defaults allow. Bytes.
    static let pipeCapacity = 1 << 20

    public var commands: [Command]
    /// Seconds without a byte moved anywhere after which the program that holds the others up is killed; `nil` for
    /// programs that may be silent as long as they like.
    public var stallLimit: Int?
    /// A descriptor that every program gets as number 3; -1 for none.
    public var keeping: Int32 = -1
    /// Called with each line that a program writes to its standard error.
    public var onErrorLine: ((String) -> Void)?
    public init(_ commands: [Command], stallLimit: Int? = nil) {
        self.commands = commands
        self.stallLimit = stallLimit
    }

    /// Runs to the end. Throws `Failure` that names the program at fault ("filter zstd ended with exit code 1: …"),
    /// or what `source` and `sink` threw.
    ///
    /// - Parameters:
    ///   - source: without it, the first program's standard input is empty.
    ///   - sink: without it, the last program's standard output goes nowhere.
    ///   - tick: called about ten times a second.
    public func run(source: Source? = nil, sink: Sink? = nil, tick: () -> Void = {}) throws {
        try start(feeding: source != nil, collecting: sink != nil).finish(source: source, sink: sink, tick: tick)
    }

    /// Starts the programs, which wait for their input; they end with the value that is returned.
    public func start(feeding: Bool, collecting: Bool) throws -> PipelineRun {
        try PipelineRun(self, feeding: feeding, collecting: collecting)
    }

    /// Runs one program and gives its standard output; throws beyond `limit` bytes.
    public static func output(of command: Command, limit: Int = 1 << 20) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try Pipeline([command]).run(sink: { chunk in
            guard bytes.count + chunk.count <= limit else {
                throw Failure(sentence: "\(command.name) wrote more than \(byteText(UInt64(limit)))")
            }
            bytes.append(contentsOf: chunk)
        })
        return bytes
    }
}
