internal import ArgumentParser
internal import CLI
internal import Checkpoint
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import Session
internal import SystemPackage

/// `mediapod _supervise`: a running pod's supervisor. Started by the engine, not by hand.
struct Supervise: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "_supervise", abstract: "Be a pod's supervisor (the engine starts it).", shouldDisplay: false)

    @Argument(help: "The pod.")
    var name: String

    @Option(help: "The device's folder.")
    var device: String

    @Option(help: "How the pod is started, run or restore; without it runs already.")
    var job: String?

    func run() throws {
        // A pod whose device is gone wants to be looked after as well.
        let path = FilePath(device)
        let runtime = RuntimeFolder.ofThisHost
        let store =
            try (try? Device.open(path, runtime: runtime.path).pod(name))
            ?? Device.rememberedPod(name, onDeviceAt: path)
        let supervisor = Supervisor(store: store, runtime: runtime)
        if let job = job.flatMap(Supervisor.Job.init(rawValue:)) {
            try supervisor.startAndWatch(job)
        } else {
            try supervisor.watch()
        }
    }
}

/// `mediapod _upgrade`: a filter that turns the archive of an older stream into that of the next format.
struct Upgrade: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "_upgrade", abstract: "Turn an older stream's archive into the next format's (a filter).",
        shouldDisplay: false)

    @Argument(help: "The format of the input.")
    var format: Int

    func run() throws {
        try ArchiveUpgrade.run(from: format, input: OwnedDescriptor(adopting: 0), output: OwnedDescriptor(adopting: 1))
    }
}

/// `mediapod _network [interface]`: an OCI hook that finishes a pod's network namespace, with an interface to the outside
/// when asked. runc writes the pod's state to its standard input.
enum NetworkHook {
    private struct State: Decodable {
        var pid: Int32
    }

    static func run() -> Int32 {
        do {
            let input = OwnedDescriptor(adopting: 0)
            var bytes: [UInt8] = []
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 1)
            defer { buffer.deallocate() }
            while case let count = try Files.read(input, into: buffer), count > 0 { bytes += buffer[..<count] }
            try NetworkNamespace.prepare(
                of: try JSONText.decode(State.self, from: bytes).pid,
                interface: CommandLine.arguments.dropFirst(2).first == "interface" ? UserNetwork.interface : nil)
            return 0
        } catch {
            Terminal.sayError("the pod's network: \(error)")
            return 1
        }
    }
}
