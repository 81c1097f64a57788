public import LinuxSystem

/// The CPU that some of a session's programs were started on. What they found there they use to their end, so this, and
/// not the CPU that they were suspended on, is what they need.
public struct ProgramOrigin: Codable, Sendable, Equatable {
    public var processor: Processor
    /// What their C library was restricted to.
    public var baseline: ProcessorLevel?
    /// None where an encrypted session does not name them outside of its stream.
    public var programs: [ProgramStart]

    public init(processor: Processor, baseline: ProcessorLevel?, programs: [ProgramStart]) {
        self.processor = processor
        self.baseline = baseline
        self.programs = programs
    }

    /// How many starts of programs are told apart. Of a session with more than that all count as started here.
    private static let limit = 20_000

    /// Where the programs that run now were started: as was known before, else here.
    public static func update(
        _ before: [ProgramOrigin], running: Set<ProgramStart>, on processor: Processor, baseline: ProcessorLevel?
    ) -> [ProgramOrigin] {
        var rest = running
        var origins: [ProgramOrigin] = []
        for origin in before {
            let kept = origin.programs.filter { rest.contains($0) }
            rest.subtract(kept)
            if !kept.isEmpty {
                origins.append(ProgramOrigin(processor: origin.processor, baseline: origin.baseline, programs: kept))
            }
        }
        let new = rest.sorted { ($0.program, $0.stack) < ($1.program, $1.stack) }.prefix(limit)
        let here = ProgramOrigin(processor: processor, baseline: baseline, programs: Array(new))
        // Moved there and back again is one place.
        if let known = origins.firstIndex(where: { $0.processor == processor && $0.baseline == baseline }) {
            origins[known].programs += here.programs
        } else if !here.programs.isEmpty {
            origins.append(here)
        }
        return origins
    }
}
