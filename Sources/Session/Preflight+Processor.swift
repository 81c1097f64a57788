package import DeviceStore
package import LinuxSystem

extension Preflight {
    private static let newer = "resume it on a CPU that has them"
    private static let baseline =
        "pods that go to older ones are made with: mediapod create --cpu-baseline \(ProcessorLevel.v2.rawValue)"

    /// AVX, MPX, AVX-512, AMX, APX. The protection keys' register is never empty, and hardly ever used.
    private static let ofPrograms: UInt64 = 0b1110_0000_0000_1111_1100

    /// Whether programs that were started on other CPUs can go on on this one. Which features a program uses nobody knows
    /// but itself; what bounds them is the CPU that it found when it was started. What the C library chooses by is used
    /// for certain, by nearly every program; what else there is, by some.
    ///
    /// - Parameters:
    ///   - registersInUse: as bits of XCR0.
    ///   - anyway: where programs may end for want of a feature, that is no refusal.
    package static func processor(
        origins: [ProgramOrigin], registersInUse: UInt64, on processor: Processor, anyway: Bool = false
    ) -> [CheckFinding] {
        let verdict: CheckFinding.Verdict = anyway ? .limited : .refused
        var findings = origins.flatMap { self.findings(of: $0, on: processor, verdict) }
        let lost = registersInUse & Self.ofPrograms & ~processor.registers
        if lost != 0 {
            let names = Processor.names(ofRegisters: lost).joined(separator: ", ")
            findings.append(
                CheckFinding(
                    "cpu", verdict,
                    "programs hold values in registers that this CPU (\(processor.name)) does not have: \(names)",
                    remedy: newer))
        }
        return findings.isEmpty
            ? [CheckFinding("cpu", .ok, "\(processor.name) has what its programs may use")] : findings
    }

    /// What CPUs the session cannot go to, if any in use is among them.
    package static func portability(of origins: [ProgramOrigin], notable: ProcessorLevel = .v3) -> [CheckFinding] {
        let level = ProcessorLevel(covering: origins.reduce(into: []) { $0.formUnion($1.neededForCertain) })
        guard level >= notable else { return [] }
        return [
            CheckFinding(
                "cpu", .limited, "the session cannot go to a CPU below \(level.rawValue)", remedy: baseline)
        ]
    }

    private static func findings(
        of origin: ProgramOrigin, on processor: Processor, _ verdict: CheckFinding.Verdict
    ) -> [CheckFinding] {
        let here = Set(processor.features)
        let start = "\(names(of: origin.programs)) started on \(origin.processor.name)"
        let missing = origin.neededForCertain.subtracting(here)
        if !missing.isEmpty {
            return [
                CheckFinding(
                    "cpu", verdict,
                    "\(start) and use what this CPU (\(processor.name)) has not: \(list(missing))",
                    remedy: "\(newer); \(baseline)")
            ]
        }
        if origin.savesTooMuch(on: processor) {
            return [
                CheckFinding(
                    "cpu", verdict,
                    "\(start) and have no room to save the registers that this CPU (\(processor.name)) has more: "
                        + Processor.names(ofRegisters: processor.registers & ~origin.processor.registers)
                        .joined(separator: ", "),
                    remedy: "resume it on a CPU with the same registers; \(baseline)")
            ]
        }
        let doubtful = Set(origin.processor.features).subtracting(origin.neededForCertain).subtracting(here)
        guard !doubtful.isEmpty else { return [] }
        return [
            CheckFinding(
                "cpu", .limited,
                "\(start), and may use what this CPU (\(processor.name)) has not: \(list(doubtful))",
                remedy: "a program that does ends with SIGILL")
        ]
    }

    /// "bash, mpg123 and 3 more were"
    private static func names(of programs: [ProgramStart]) -> String {
        guard !programs.isEmpty else { return "its programs were" }
        let names = Set(programs.map { $0.program.split(separator: "/").last.map(String.init) ?? "?" }).sorted()
        let shown = names.prefix(3).joined(separator: ", ")
        let rest = names.count > 3 ? " and \(names.count - 3) more" : ""
        return "\(shown)\(rest) \(programs.count == 1 ? "was" : "were")"
    }

    private static func list(_ features: Set<String>) -> String {
        let names = features.sorted()
        return names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
    }
}

extension ProgramOrigin {
    /// The features that the C library of these programs chose its code by.
    fileprivate var neededForCertain: Set<String> {
        let found = Set(processor.features)
        let chosenBy = (baseline ?? .v4).features.union(["xsave", "xsavec"])
        guard let baseline else { return found.intersection(chosenBy.union(["fma4", "rtm"])) }
        return found.intersection(baseline < .v3 ? baseline.features : chosenBy)
    }

    /// When a program first calls a function of a library, the C library saves the registers that arguments may be in:
    /// with XSAVE, where the CPU that it started on had no XSAVEC, all there are on the CPU that it is on, into room for
    /// those there were. (sysdeps/x86_64/dl-trampoline.h; masks and sizes are those of the start. XSAVEC leaves out what
    /// is not in use.)
    fileprivate func savesTooMuch(on other: Processor) -> Bool {
        let saved: UInt64 = 0b1110_1110
        let chose = neededForCertain
        return chose.contains("xsave") && !chose.contains("xsavec")
            && other.registers & saved & ~processor.registers != 0
    }
}
