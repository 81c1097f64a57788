/// The levels of x86-64, each with all that the ones below it have (System V psABI for x86-64, 3.1.1, by the names of
/// `/proc/cpuinfo`).
public enum ProcessorLevel: String, Codable, Sendable, CaseIterable, Comparable {
    /// What every CPU of this architecture has.
    case v1 = "x86-64"
    /// About 2009 and later.
    case v2 = "x86-64-v2"
    /// About 2013 and later, but for many small ones.
    case v3 = "x86-64-v3"
    /// Servers, and few others.
    case v4 = "x86-64-v4"

    public var features: Set<String> {
        Self.allCases.filter { $0 <= self }.reduce(into: []) { $0.formUnion($1.own) }
    }

    private var own: Set<String> {
        switch self {
        case .v1: []
        case .v2: ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]
        case .v3: ["abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"]
        case .v4: ["avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"]
        }
    }

    /// The lowest level whose features, as far as they belong to any level, are all of these.
    public init(covering features: Set<String>) {
        let levelled = features.intersection(Self.v4.features)
        self = Self.allCases.first { levelled.isSubset(of: $0.features) } ?? .v4
    }

    public static func < (left: ProcessorLevel, right: ProcessorLevel) -> Bool { left.rawValue < right.rawValue }

    /// glibc's tunable `glibc.cpu.hwcaps` that makes it choose its code as on a CPU of this level, whatever the CPU has. It
    /// ignores names that it does not know.
    ///
    /// No level has RTM, but on a CPU that has it glibc 2.36 avoids VZEROUPPER, and takes SSE's functions where it may use
    /// neither RTM nor AVX-512: Prefer_No_VZEROUPPER goes with it.
    ///
    /// AVX_Fast_Unaligned_Load is no feature but a preference, and glibc 2.36 takes its AVX functions by that alone. On
    /// XSAVE depends how registers are saved when a function is bound: v3 keeps it as the CPU has it, since without both
    /// of XSAVE and XSAVEC glibc takes AVX to be missing.
    public var glibcTunable: String {
        let beyondV3 = ["AVX512F", "AVX512BW", "AVX512CD", "AVX512DQ", "AVX512ER", "AVX512PF", "AVX512VL"]
        let beyondV2 = [
            "AVX", "AVX2", "AVX_Fast_Unaligned_Load", "BMI1", "BMI2", "F16C", "FMA", "LZCNT", "MOVBE", "XSAVE",
            "XSAVEC",
        ]
        let beyondV1 = ["POPCNT", "SSE3", "SSE4_1", "SSE4_2", "SSSE3"]
        let names =
            ["FMA4", "RTM", "Prefer_No_VZEROUPPER"] + (self < .v4 ? beyondV3 : []) + (self < .v3 ? beyondV2 : [])
            + (self < .v2 ? beyondV1 : [])
        return "glibc.cpu.hwcaps=" + names.map { "-\($0)" }.joined(separator: ",")
    }
}
