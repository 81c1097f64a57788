internal import CLinux
internal import Glibc
internal import SystemPackage

/// A CPU as the programs see it that run on it.
public struct Processor: Codable, Sendable, Equatable {
    /// "AMD EPYC"
    public var name: String
    /// Instruction sets, by the kernel's names of them (`/proc/cpuinfo`, "flags"), sorted: those that programs choose code
    /// by. What only a kernel uses, what says how fast something is, and what nearly nobody uses is not among them.
    public var features: [String]
    /// The register sets that are kept for each thread, as bits of XCR0.
    public var registers: UInt64

    enum CodingKeys: String, CodingKey {
        case name, features, registers
    }

    public init(name: String, features: [String], registers: UInt64) {
        self.name = name
        self.features = features
        self.registers = registers
    }

    /// This machine's, or the one whose `/proc/cpuinfo` the environment names (`MEDIAPOD_CPUINFO`): to find out here what
    /// would become of a session there. All processors that one Linux runs on have the same features.
    public static let current: Processor = {
        let other = getenv("MEDIAPOD_CPUINFO").map { FilePath(String(cString: $0)) }
        return Processor(
            information: beginning(of: other ?? "/proc/cpuinfo"), registers: other == nil ? csys_register_sets() : nil)
    }()

    /// As much as the first processor takes: a large machine has hundreds, and the kernel asks each of them.
    private static func beginning(of path: FilePath) -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16384, alignment: 1)
        defer { buffer.deallocate() }
        guard let file = try? Files.openForReading(path), let count = try? Files.read(file, into: buffer) else {
            return ""
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// From a `/proc/cpuinfo`; its first processor.
    ///
    /// - Parameter registers: without, those that the features use.
    package init(information: String, registers: UInt64?) {
        func value(_ name: String) -> Substring? {
            let line = information.split(separator: "\n").first { $0.hasPrefix(name) && $0.contains(":") }
            return line?.split(separator: ":", maxSplits: 1).last.map { $0.drop { $0 == " " } }
        }
        name = Failure.oneLine(String(value("model name") ?? "of unknown make"))
        let flags = Set((value("flags") ?? "").split(separator: " ").map(String.init))
        features = flags.intersection(Self.known).sorted()
        self.registers = registers ?? Self.registers(of: flags)
    }

    /// x87 and SSE, and what is told of the rest.
    private static func registers(of flags: Set<String>) -> UInt64 {
        let sets: [(String, UInt64)] = [
            ("avx", 0b100), ("avx512f", 0b1110_0000), ("pku", 1 << 9), ("amx_tile", 0b11 << 17),
        ]
        return sets.reduce(0b11) { flags.contains($1.0) ? $0 | $1.1 : $0 }
    }

    private static let known = ProcessorLevel.v4.features.union(byLibrary).union(byPrograms)

    /// What the C library chooses its code by, besides the levels' features: how it saves registers when it binds a
    /// function, and which of its string functions leave a transaction alone.
    static let byLibrary: Set = ["xsave", "xsavec", "fma4", "rtm"]

    /// What other libraries choose theirs by: cryptography, codecs, mathematics, language runtimes.
    static let byPrograms: Set = [
        "adx", "aes", "amx_bf16", "amx_complex", "amx_fp16", "amx_int8", "amx_tile", "avx512_4fmaps", "avx512_4vnniw",
        "avx512_bf16", "avx512_bitalg", "avx512_fp16", "avx512_vbmi2", "avx512_vnni", "avx512_vp2intersect",
        "avx512_vpopcntdq", "avx512er", "avx512ifma", "avx512pf", "avx512vbmi", "avx_ifma", "avx_ne_convert",
        "avx_vnni", "avx_vnni_int16", "avx_vnni_int8", "clflushopt", "clwb", "cmpccxadd", "fsgsbase", "gfni",
        "movdir64b", "movdiri", "pclmulqdq", "rdpid", "rdrand", "rdseed", "serialize", "sha512", "sha_ni", "sm3",
        "sm4", "vaes", "vpclmulqdq", "waitpkg", "xop",
    ]

    /// The names of register sets that programs know them by (Intel SDM volume 1, 13.1).
    public static func names(ofRegisters bits: UInt64) -> [String] {
        let known: [(Int, String)] = [
            (2, "AVX"), (3, "MPX bounds"), (4, "MPX bounds"), (5, "AVX-512 masks"), (6, "AVX-512"), (7, "AVX-512"),
            (9, "protection keys"), (17, "AMX"), (18, "AMX"), (19, "APX"),
        ]
        var names: [String] = []
        for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 {
            let name = known.first { $0.0 == bit }?.1 ?? "of kind \(bit)"
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
