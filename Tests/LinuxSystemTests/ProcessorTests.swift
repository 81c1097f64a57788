import Glibc
import LinuxSystem
import Testing

@Suite("A CPU")
struct ProcessorTests {
    private let text = """
        processor\t: 0
        vendor_id\t: GenuineIntel
        model name\t: Intel(R) Core(TM) i5-4300U CPU @ 1.90GHz
        flags\t\t: fpu vme sse sse2 ht pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand lahf_lm abm \
        bmi1 avx2 smep bmi2 erms
        bugs\t\t: cpu_meltdown

        processor\t: 1
        model name\t: another
        flags\t\t: fpu avx512f
        """

    @Test("is read from what the kernel says of its first processor, with the features that programs choose by")
    func reading() {
        let processor = Processor(information: text, registers: 7)
        #expect(processor.name == "Intel(R) Core(TM) i5-4300U CPU @ 1.90GHz")
        #expect(processor.features.contains("avx2") && processor.features.contains("rdrand"))
        #expect(!processor.features.contains("smep") && !processor.features.contains("avx512f"))
        #expect(ProcessorLevel(covering: Set(processor.features)) == .v3)
        #expect(processor.features == processor.features.sorted())
        #expect(Processor(information: "", registers: 0).features == [])
    }

    @Test("that this runs on has a name, features and registers")
    func current() {
        #expect(!Processor.current.name.isEmpty)
        #expect(Processor.current.features.contains("pni"))
        #expect(Processor.current.registers & 0b11 == 0b11, "x87 and SSE")
    }

    @Test("has levels, each with what the ones below it have")
    func levels() {
        for (lower, higher) in zip(ProcessorLevel.allCases, ProcessorLevel.allCases.dropFirst()) {
            #expect(lower < higher && lower.features.isStrictSubset(of: higher.features))
            #expect(ProcessorLevel(covering: higher.features) == higher)
        }
        #expect(ProcessorLevel(covering: ["aes", "sha_ni"]) == .v1)
        #expect(ProcessorLevel(covering: ["avx512f"]) == .v4)
    }

    @Test("is hidden from the C library above a level")
    func tunables() {
        #expect(ProcessorLevel.v2.glibcTunable.hasPrefix("glibc.cpu.hwcaps=-"))
        #expect(ProcessorLevel.v2.glibcTunable.contains(",-AVX2,"))
        #expect(!ProcessorLevel.v3.glibcTunable.contains("-AVX2"))
        #expect(ProcessorLevel.v3.glibcTunable.contains("-AVX512VL"))
        #expect(!ProcessorLevel.v4.glibcTunable.contains("AVX512"))
        #expect(!ProcessorLevel.v2.glibcTunable.contains("SSE4") && ProcessorLevel.v1.glibcTunable.contains("-SSE4_2"))
    }

    @Test("has registers that are known by names")
    func registers() {
        #expect(Processor.names(ofRegisters: 0b1110_0100) == ["AVX", "AVX-512 masks", "AVX-512"])
        #expect(Processor.names(ofRegisters: 1 << 40) == ["of kind 40"])
    }

    @Test("was found by a program at its start, which is told from every other and is not a fork's")
    func starts() throws {
        let own = try #require(ProgramStart(of: getpid()))
        #expect(own == ProgramStart(of: getpid()) && own.stack != 0)
        let child = try ChildProcess(Command("sleep", ["60"]), input: 0, output: 1, error: 2)
        let began = Wait.until(milliseconds: 5000) { ProgramStart(of: child.pid)?.program.hasSuffix("/sleep") == true }
        #expect(began)
        #expect(ProgramStart(of: child.pid)?.stack != own.stack)
        child.kill()
        child.wait()
        #expect(ProgramStart(of: child.pid) == nil)
    }
}
