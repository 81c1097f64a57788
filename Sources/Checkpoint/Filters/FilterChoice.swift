public import LinuxSystem

/// A filter as a person asks for it: `zstd`, `zstd:9`, `age:RECIPIENT`.
public struct FilterChoice: Sendable, Equatable, CustomStringConvertible {
    public let name: String
    /// What follows the first colon.
    public let argument: String?

    public init(_ text: String) throws(Failure) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        name = String(parts[0])
        argument = parts.count > 1 ? String(parts[1]) : nil
        try Self.requireName(name)
    }

    public var description: String { argument.map { "\(name):\($0)" } ?? name }

    /// A name is part of a file's on the host, and comes from a device: letters, digits, "-", "_" and ".", beginning with
    /// a letter or digit, 64 at most.
    static func requireName(_ name: String) throws(Failure) {
        let isPlain = name.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f || $0 == 0x2e
        }
        guard isPlain, (1...64).contains(name.utf8.count), let first = name.utf8.first, first >= 0x30 else {
            throw Failure(
                sentence: "\"\(name.prefix(80))\" is no filter's name",
                remedy: "a name has lower-case letters, digits, \"-\", \"_\" and \".\" only")
        }
    }
}
