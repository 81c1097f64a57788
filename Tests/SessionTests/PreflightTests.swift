import DeviceStore
import LinuxSystem
import Pod
import Session
import Testing

@Suite("A preflight")
struct PreflightTests {
    private func processor(_ level: ProcessorLevel, _ more: [String] = [], registers: UInt64 = 0b111) -> Processor {
        Processor(name: level.rawValue, features: level.features.union(more).sorted(), registers: registers)
    }

    private func origin(_ processor: Processor, _ baseline: ProcessorLevel? = nil, _ programs: [String] = ["/bin/sh"])
        -> ProgramOrigin
    {
        ProgramOrigin(
            processor: processor, baseline: baseline,
            programs: programs.enumerated().map { ProgramStart(program: $1, stack: UInt64($0)) })
    }

    private func find(_ origins: [ProgramOrigin], _ registers: UInt64 = 0, on here: Processor, anyway: Bool = false)
        -> [CheckFinding]
    {
        Preflight.processor(origins: origins, registersInUse: registers, on: here, anyway: anyway)
    }

    @Test("lets programs go on on the CPU they were started on, and on a newer one")
    func same() {
        for here in [processor(.v3, ["xsavec"]), processor(.v4, ["xsavec", "aes"], registers: 0b1110_0111)] {
            #expect(find([origin(processor(.v3, ["xsavec"]))], on: here).map(\.verdict) == [.ok])
        }
    }

    @Test("refuses programs whose C library uses what this CPU has not, with their names")
    func older() throws {
        let programs = ["/usr/bin/zsh", "/usr/bin/bash", "/usr/bin/bash", "/opt/mpv", "/bin/top"]
        let found = find([origin(processor(.v4, ["aes"]), nil, programs)], on: processor(.v3))
        let refusal = try #require(found.first)
        #expect(found.count == 1 && refusal.verdict == .refused)
        #expect(
            refusal.finding
                == "bash, mpv, top and 1 more were started on x86-64-v4 and use what this CPU (x86-64-v3) has not: "
                + "avx512bw, avx512cd, avx512dq, avx512f, avx512vl")
        #expect(refusal.remedy?.contains("--cpu-baseline x86-64-v2") == true)
        #expect(find([origin(processor(.v4))], on: processor(.v3), anyway: true).map(\.verdict) == [.limited])
    }

    @Test("warns of what only some programs look for")
    func doubtful() {
        let found = find([origin(processor(.v2, ["aes", "sha_ni"]))], on: processor(.v2, ["aes"]))
        #expect(found.map(\.verdict) == [.limited])
        #expect(
            found[0].finding == "sh was started on x86-64-v2, and may use what this CPU (x86-64-v2) has not: sha_ni")
    }

    @Test("takes a baseline for what the C library uses, and warns of the rest")
    func baseline() {
        let restricted = origin(processor(.v4, ["xsavec"]), .v2)
        #expect(find([restricted], on: processor(.v2)).map(\.verdict) == [.limited])
        #expect(find([restricted], on: processor(.v1)).map(\.verdict) == [.refused])
        #expect(find([restricted], on: processor(.v4, ["xsavec"])).map(\.verdict) == [.ok])
        let third = origin(processor(.v4, ["xsavec"]), .v3)
        #expect(find([third], on: processor(.v3)).map(\.verdict) == [.refused], "it saves registers with XSAVEC")
        #expect(find([third], on: processor(.v3, ["xsavec"])).map(\.verdict) == [.limited])
    }

    @Test("refuses what holds values in registers that this CPU has not, whatever its programs may use")
    func registers() {
        let here = processor(.v3)
        #expect(find([], 0b111, on: here).map(\.verdict) == [.ok])
        #expect(find([], 1 << 9, on: here).map(\.verdict) == [.ok], "the protection keys are always there")
        let found = find([], 0b1110_0111, on: here)
        #expect(found.map(\.verdict) == [.refused])
        #expect(find([], 0b1110_0111, on: here, anyway: true).map(\.verdict) == [.limited])
        #expect(found[0].finding.hasSuffix("does not have: AVX-512 masks, AVX-512"))
    }

    @Test("refuses a CPU with more registers to programs that save all there are into room for fewer")
    func room() {
        let here = processor(.v4, ["xsavec"], registers: 0b1110_0111)
        #expect(find([origin(processor(.v3))], on: here).map(\.verdict) == [.refused])
        #expect(find([origin(processor(.v3, ["xsavec"]))], on: here).map(\.verdict) == [.ok])
        #expect(find([origin(processor(.v3), .v2)], on: here).map(\.verdict) == [.ok])
        #expect(find([origin(processor(.v2, registers: 0b11))], on: here).map(\.verdict) == [.ok], "it has no XSAVE")
    }

    @Test("says where a session cannot go")
    func portability() {
        #expect(Preflight.portability(of: [origin(processor(.v2))]) == [])
        #expect(
            Preflight.portability(of: [origin(processor(.v2)), origin(processor(.v4))]).first?.finding
                == "the session cannot go to a CPU below x86-64-v4")
        #expect(Preflight.portability(of: [origin(processor(.v4), .v2)]) == [])
    }

    @Test("knows which CRIU works on which kernel, and can read which session")
    func criu() {
        func verdict(_ version: String?, _ kernel: String) -> CheckFinding.Verdict? {
            Preflight.criu(of: nil, version: version, kernel: kernel).first?.verdict
        }
        #expect(verdict("3.17.1", "6.1.0-35-amd64") == .ok)
        #expect(verdict("3.17.1", "6.13.2") == .refused)
        #expect(verdict("4.1.1", "6.15.0") == .ok)
        #expect(verdict("4.1.1", "6.18.44") == .refused)
        #expect(verdict("4.2", "6.18.44") == .ok)
        #expect(verdict(nil, "6.18.44") == .refused)
        let alone = Preflight.criu(of: nil, version: "4.2", kernel: "6.18.44", restarts: false)
        #expect(alone.map(\.verdict) == [.limited])
        #expect(alone.first?.remedy?.contains(Criu.calls) == true)
    }

    @Test("tells what a pod's screen can be shown with")
    func display() {
        func find(_ version: UInt32?, _ change: (inout DisplayReport) -> Void) -> CheckFinding? {
            var report = DisplayReport()
            (report.version, report.display, report.width, report.height) = (1, ":0", 640, 480)
            (report.hasSharedMemory, report.video) = (true, ["I420"])
            change(&report)
            let found = Preflight.display(version: version, at: report)
            return found.count == 1 ? found.first : nil
        }
        #expect(find(1) { _ in }?.finding == ":0, 640x480, MIT-SHM, XVideo with I420")
        #expect(find(nil) { _ in }?.verdict == .ok)
        #expect(find(0) { $0.isInstalled = false }?.finding == "the pod has no screen")
        #expect(find(1) { $0.isInstalled = false }?.verdict == .limited)
        #expect(find(2) { _ in }?.finding.contains("of version 2") == true)
        #expect(find(1) { $0.hasSharedMemory = false }?.verdict == .limited)
        #expect(find(1) { $0.display = nil }?.remedy?.contains("--vnc") == true)
    }

    @Test("keeps in mind where each program was started, also when it was moved since")
    func origins() {
        let first = processor(.v4)
        let second = processor(.v3)
        let sh = ProgramStart(program: "sh", stack: 1)
        let mpv = ProgramStart(program: "mpv", stack: 2)
        let top = ProgramStart(program: "top", stack: 3)
        let before = ProgramOrigin.update([], running: [sh, mpv], on: first, baseline: nil)
        #expect(before == [ProgramOrigin(processor: first, baseline: nil, programs: [mpv, sh])])
        let after = ProgramOrigin.update(before, running: [sh, top], on: second, baseline: nil)
        #expect(
            after == [
                ProgramOrigin(processor: first, baseline: nil, programs: [sh]),
                ProgramOrigin(processor: second, baseline: nil, programs: [top]),
            ])
        let back = ProgramOrigin.update(after, running: [sh, mpv, top], on: first, baseline: nil)
        #expect(back.count == 2 && Set(back[0].programs) == [sh, mpv])
        #expect(ProgramOrigin.update(after, running: [], on: first, baseline: nil) == [])
    }
}
