internal import Glibc

/// A passphrase: in this process's memory only, gone from it with this object, and never in what is printed.
public final class Secret: Sendable, CustomStringConvertible {
    /// Longer ones would not fit a terminal's line, three at a time. Bytes.
    public static let limit = 1024

    // Never written after the initializer but by deinit.
    private nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    /// `nil` when it is empty, too long, or has characters that a terminal would take for keys (Ctrl-C, an end of line).
    public init?(_ text: some Collection<UInt8>) {
        guard !text.isEmpty, text.count <= Self.limit, text.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        bytes = .allocate(byteCount: text.count, alignment: 1)
        bytes.copyBytes(from: text)
    }

    deinit {
        if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
        bytes.deallocate()
    }

    public func isEqual(to other: Secret) -> Bool {
        bytes.elementsEqual(other.bytes)
    }

    public var description: String { "a secret" }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(bytes))
    }
}
