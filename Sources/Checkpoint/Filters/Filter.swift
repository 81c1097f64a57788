internal import LinuxSystem

/// What a session's stream goes through on its way to the device: an ordinary program from standard input to standard
/// output, and one that undoes it. A manifest names it and nothing more: what the name stands for is each host's own.
public struct Filter: Sendable {
    public let name: String
    /// From what was asked for after the colon, and what is secret.
    let encode: @Sendable (_ argument: String?, _ keys: Keys) throws -> Command
    let decode: @Sendable (_ keys: Keys) throws -> Command
    /// Whether what comes out says nothing to those who have no key.
    var encrypts = false
    /// Whether it writes its first bytes before it reads any, and takes long for them.
    var beginsSlowly: @Sendable (_ argument: String?) -> Bool = { _ in false }

    init(
        name: String, encode: @escaping @Sendable (String?, Keys) throws -> Command,
        decode: @escaping @Sendable (Keys) throws -> Command
    ) {
        self.name = name
        self.encode = encode
        self.decode = decode
    }

    /// One that is always started in the same way.
    public init(
        name: String, encode: (program: String, arguments: [String]), decode: (program: String, arguments: [String])
    ) {
        let label = Self.label(name)
        let encoder = Command(encode.program, encode.arguments, name: label)
        let decoder = Command(decode.program, decode.arguments, name: label)
        self.init(
            name: name,
            encode: { argument, _ in
                guard argument == nil else { throw Failure(label, "it takes nothing after a colon") }
                return encoder
            }, decode: { _ in decoder })
    }

    /// What failures call it.
    static func label(_ name: String) -> String { "filter \(name)" }

    /// Level 2 on every processor: on process images it is as fast as level 1 (0.7 GB/s a core) and 6 % smaller;
    /// level 3 is 15 % smaller and takes 1.4 times as long.
    public static let zstd = compressor(
        "zstd", levels: 1...19, normal: 2, encode: ["-q", "-c", "-T0"], decode: ["-q", "-d", "-c"])

    /// Faster to read than zstd and larger: for a host whose processor is the bottleneck, not its device.
    public static let lz4 = compressor(
        "lz4", levels: 1...12, normal: 1, encode: ["-q", "-c"], decode: ["-q", "-d", "-c"])

    private static func compressor(
        _ name: String, levels: ClosedRange<Int>, normal: Int, encode: [String], decode: [String]
    ) -> Filter {
        Filter(
            name: name,
            encode: { argument, _ in
                let level = argument.map { Int($0) ?? 0 } ?? normal
                guard levels.contains(level) else {
                    let said = argument ?? ""
                    throw Failure(
                        label(name), "its levels are \(levels.lowerBound) to \(levels.upperBound), not \(said)")
                }
                return Command(name, encode + ["-\(level)"], name: label(name))
            }, decode: { _ in Command(name, decode, name: label(name)) })
    }
}
