internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// `podaudio policy [portable|full]`: what the pod's sound device offers, kept with the pod.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Show or set what a pod's programs may ask of its sound device.",
        discussion: """
            portable: 44.1 or 48 kHz, 16 bit, stereo, which every host can play. full: whatever the host has. A change \
            counts for what is opened from then on.
            """)

    @Argument(help: "portable or full; without it the present one is shown.")
    var policy: String?

    @Option(help: ArgumentHelp("The pod. Without it, the device's only one.", valueName: "name"))
    var pod: String?

    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var pod: String
        var policy: SoundPolicy
    }

    func run() throws {
        let device = try deviceOptions.open()
        let store = try chosenPod(on: device)
        var configuration = try store.configuration()
        if let policy {
            guard let wanted = SoundPolicy(rawValue: policy) else {
                throw ValidationError("unknown policy \"\(policy)\"; there are portable and full")
            }
            configuration.soundPolicy = wanted
            try store.save(configuration)
            let socket = RuntimeFolder(DeviceOptions.runtimeFolder).pod(store.name).brokerControl
            if (try? Files.kind(of: socket)) != nil {
                _ = try ask(BrokerClient(socket: socket), .setPolicy(wanted), of: store.name)
            }
        }
        let answer = Answer(pod: store.name, policy: configuration.soundPolicy)
        try output.show(answer) { [(answer.pod, answer.policy.rawValue)] }
    }

    private func chosenPod(on device: Device) throws -> PodStore {
        if let pod { return try device.pod(pod) }
        let pods = try device.pods()
        guard let only = pods.first else {
            throw Failure("device \(device.place.string)", "has no pod", remedy: "make one with: mediapod create NAME")
        }
        guard pods.count == 1 else {
            throw Failure(
                "device \(device.place.string)", "has several pods: \(pods.map(\.name).joined(separator: ", "))",
                remedy: "choose one with --pod NAME")
        }
        return only
    }
}
