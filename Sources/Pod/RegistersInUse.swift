public import LinuxSystem
public import SystemPackage

/// The register sets that a dumped pod's threads have something in, as bits of XCR0. A CPU without one of them cannot take
/// the threads; CRIU 4.2 would leave the registers out and say nothing (its restore_fpu in criu/arch/x86/crtools.c).
public enum RegistersInUse {
    /// Bytes of the largest image of one thread; a few kB are usual.
    private static let limit = 1 << 20

    /// - Parameter images: CRIU's, with a `core-N.img` for each thread.
    public static func inImages(_ images: FilePath) throws(Failure) -> UInt64 {
        try attempt("read", "CRIU's images") { () throws(Errno) in
            var all: UInt64 = 0
            for name in try Files.list(images) where name.hasPrefix("core-") && name.hasSuffix(".img") {
                all |= bits(inCore: try Files.read(images.appending(name), limit: limit)) ?? 0
            }
            return all
        }
    }

    /// Two magic numbers and a length, 32 bits each, then a `core_entry` (CRIU's images/core.proto and core-x86.proto).
    package static func bits(inCore image: [UInt8]) -> UInt64? {
        guard image.count > 12 else { return nil }
        let length = image[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= image.count - 12 else { return nil }
        let threadInfo = 2
        let floatingPoint = 3
        let extended = 13
        let inUse = 1
        return ProtobufFields(image[12..<(12 + length)])?.message(threadInfo)?.message(floatingPoint)?
            .message(extended)?.numbers[inUse]
    }
}
