internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import Session

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Free space on a device.",
        discussion: """
            Removes the sessions beyond those that are kept, layers that no kept session needs, and what interrupted \
            commands left, of one pod or all. What was written and never suspended stays: see `mediapod recover`.
            """)

    @Argument(help: "The pod; without it all.")
    var name: String?

    @Option(help: ArgumentHelp("How many sessions the pods keep from now on.", valueName: "n"))
    var keep: Int?

    @Flag(help: "Also remove bases that no pod has.")
    var bases = false

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions

    private struct Freed: Encodable {
        var pod: String?
        var what: TidyReport?
        var base: String?
        var freedBytes: UInt64

        enum CodingKeys: String, CodingKey {
            case freedBytes = "freed_bytes"
            case pod, what, base
        }
    }

    func validate() throws { try KeepOption.validate(keep) }

    func run() throws {
        let device = try deviceOptions.open()
        var freed: [Freed] = []
        var failure: Failure?
        for pod in try name.map({ [try device.pod($0)] }) ?? device.pods() {
            do {
                let report = try Session(store: pod, runtime: .ofThisHost).prune(keep: keep)
                freed.append(Freed(pod: pod.name, what: report, freedBytes: report.freedBytes))
            } catch let error as Failure {
                // One that cannot be is no reason to leave the others.
                if let failure { Terminal.sayError("\(failure)") }
                failure = error
            }
        }
        if bases, failure == nil {
            for (base, bytes) in try device.pruneBases() { freed.append(Freed(base: base, freedBytes: bytes)) }
        }
        try output.show(
            freed, empty: "nothing to free", columns: ["pod", "sessions", "layers", "merged", "base", "freed"]
        ) {
            [
                .text($0.pod ?? ""), .number("\($0.what?.sessions.count ?? 0)"),
                .number("\($0.what?.layers.count ?? 0)"),
                .number("\($0.what?.merged.count ?? 0)"), .text($0.base.map { String($0.prefix(12)) } ?? ""),
                .number(byteText($0.freedBytes)),
            ]
        }
        if let failure { throw failure }
    }
}

/// `--keep N`
enum KeepOption {
    static func validate(_ keep: Int?) throws {
        let range = PodConfiguration.keepRange
        if let keep, !range.contains(keep) {
            throw ValidationError("--keep wants \(range.lowerBound) to \(range.upperBound) sessions, not \(keep)")
        }
    }
}
