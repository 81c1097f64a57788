public import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
public import PodBase
internal import SystemPackage

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a pod.",
        discussion: """
            Its base file system is built from Debian packages and what they need (--packages), from a tree that is \
            there (--rootfs) or a container image (--oci), or is one that the device has (--base). It is read-only and \
            shared: what the pod changes lies in layers of its own.
            """)

    @Argument(help: "The pod's name: letters, digits, \".\", \"_\" and \"-\".")
    var name: String

    @Option(help: "Debian packages, separated by commas.")
    var packages: String?

    @Option(help: "The Debian suite that the packages come from.")
    var suite: String = "bookworm"

    @Option(help: ArgumentHelp("A root file system to copy.", valueName: "dir"))
    var rootfs: String?

    @Option(
        help: ArgumentHelp(
            "A container image: docker-archive:FILE, oci:FOLDER or oci-archive:FILE, each with :TAG if there are several.",
            valueName: "image"))
    var oci: String?

    @Option(help: ArgumentHelp("A base of the device: its SHA-256, or a pod that has it.", valueName: "base"))
    var base: String?

    @Flag(
        help: """
            With a PulseAudio in the pod, for programs that only speak to one. It comes from Debian with --packages; \
            with --rootfs the tree must have it.
            """)
    var pulse = false

    @Option(
        help: ArgumentHelp(
            """
            The desktop that starts with the pod, with a PulseAudio: xfce, icewm (the small one) or none. It comes from \
            Debian, beside --packages; with --rootfs or --oci the tree must have it.
            """))
    var desktop: Desktop = .none

    @Option(
        help: ArgumentHelp(
            """
            What the pod's C library may use of a CPU (\(ProcessorLevel.allCases.map(\.rawValue).joined(separator: ", "))), \
            so that the session can go to older ones. Programs that look at the CPU themselves are not bound by it.
            """, valueName: "level"))
    var cpuBaseline: ProcessorLevel?

    @OptionGroup var network: NetworkOptions
    @Option(help: ArgumentHelp("How many suspended sessions it keeps to go back to; 5 otherwise.", valueName: "n"))
    var keep: Int?

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var progressOptions: ProgressOptions

    func validate() throws {
        try KeepOption.validate(keep)
        if [packages != nil, rootfs != nil, oci != nil, base != nil].count(where: { $0 }) > 1 {
            throw ValidationError("Only one of --packages, --rootfs, --oci and --base can be used.")
        }
        if let oci, OCIImage(oci) == nil {
            throw ValidationError("--oci wants docker-archive:FILE, oci:FOLDER or oci-archive:FILE, not \(oci)")
        }
        if pulse || desktop != .none, base != nil {
            throw ValidationError("A base is as it is: --pulse and --desktop go with --packages, --rootfs or --oci.")
        }
    }

    func run() throws {
        let device = try deviceOptions.open()
        // Before minutes of work: what would be refused after them.
        try device.requireFree(podName: name)
        let (digest, environment) = try base.map { try old($0, on: device) } ?? build(on: device)
        let pod = try device.createPod(
            PodConfiguration(
                name: name, base: digest, environment: environment, network: network.network ?? .user,
                cpuBaseline: cpuBaseline, keep: keep))
        print("pod \(pod.name) created on \(device.place)")
    }

    private func old(_ name: String, on device: Device) throws -> (digest: String, environment: [String]) {
        let digest = try device.base(named: name)
        return (digest, try device.environment(ofBase: digest))
    }

    private func build(on device: Device) throws -> (digest: String, environment: [String]) {
        let line = ProgressLine(progressOptions.progress)
        let source =
            rootfs.map { BaseSource.tree(FilePath($0)) } ?? oci.flatMap { OCIImage($0) }.map { .image($0) }
            ?? .packages(packages?.split(separator: ",").map { String($0) } ?? [], suite: suite)
        let base = try BaseBuilder.build(
            source, on: device, pod: name, hasPulse: pulse || desktop != .none, desktop: desktop
        ) { stage in
            if let stage { line.stage("building the base: \(stage)") } else { line.tick() }
        }
        line.finish()
        let outcome = base.isOld ? "is on the device already" : "built"
        print(
            "base \(base.digest.prefix(12)) \(outcome), \(byteText(base.bytes))"
        )
        return (base.digest, base.environment + desktop.environment)
    }
}

extension Desktop: ExpressibleByArgument {}
