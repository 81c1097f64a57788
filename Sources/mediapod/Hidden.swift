internal import ArgumentParser
internal import CLI
internal import Checkpoint
internal import DeviceStore
internal import Glibc
internal import LinuxSystem
internal import Pod
internal import Session
internal import SystemPackage

/// `mediapod _supervise DEVICE POD [run|restore]`: a running pod's supervisor, which begins with that job. The engine starts
/// it, and every start and restore waits for it.
enum Supervise {
    static func run(_ arguments: [String]) -> Int32 {
        guard (2...3).contains(arguments.count),
            let job = arguments.dropFirst(2).first.map(Supervisor.Job.init) ?? .some(nil)
        else {
            Terminal.sayError("_supervise is the engine's")
            return 64
        }
        do {
            let (device, name) = (FilePath(arguments[0]), arguments[1])
            let runtime = RuntimeFolder.ofThisHost
            // A pod whose device is gone wants to be looked after as well.
            let remembered = try Device.rememberedPod(name, onDeviceAt: device)
            let supervisor = Supervisor(of: name, in: runtime) {
                (try? Device.open(device, runtime: runtime.path).pod(name)) ?? remembered
            }
            if let job { try supervisor.startAndWatch(job) } else { try supervisor.watch() }
            return 0
        } catch {
            Terminal.sayError("\(error)")
            return 1
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
