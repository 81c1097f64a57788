internal import Glibc

/// One component of a path as the kernel has it: bytes, of any encoding or none, without a slash.
public struct FileName: Hashable, Sendable, CustomStringConvertible {
    /// With the NUL at its end.
    private let bytes: [CChar]

    init(bytes: UnsafePointer<CChar>) {
        self.bytes = Array(UnsafeBufferPointer(start: bytes, count: strlen(bytes) + 1))
    }

    public init(_ text: String) {
        bytes = Array(text.utf8CString)
    }

    public func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("there is always the NUL") }
            return try body(base)
        }
    }

    /// Without the NUL.
    public var utf8: [UInt8] { bytes.dropLast().map { UInt8(bitPattern: $0) } }

    /// As a person reads it; of bytes that are no text, something like it.
    public var description: String { String(decoding: utf8, as: UTF8.self) }
}
