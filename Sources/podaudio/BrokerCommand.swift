import ArgumentParser
import FoundationEssentials
import Glibc
import LinuxSystem
import Logging
import SoundBroker
import SoundControl
import SoundDSP
import SoundSinks
import SystemPackage

/// `podaudio broker`: one pod's sound broker. Started by the engine, not by hand.
struct BrokerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker", abstract: "Be one pod's sound broker (the engine starts it).", shouldDisplay: false)

    @Option(help: "The descriptor of the listening socket at which the pod's programs connect.")
    var listenFd: Int32

    @Option(help: "Where to listen for the engine and podaudio.")
    var control: String

    @Option(help: "Where the sound goes: pulse[:SERVER][@SINK], alsa[:PCM], file:PATH.wav or null.")
    var sound: String = "pulse"

    @Option(help: "What hw_params offers: portable or full.")
    var policy: String = "portable"

    @Flag(help: "Mix streams of more channels than the sink has into those that it has.")
    var downmix = false

    @Option(help: "The rate converter: \(ConverterKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var converter: String = ConverterKind.standard.rawValue

    @Option(help: "A file to keep what is said later in, for a broker that comes after this one's death.")
    var memory: String?

    @Option(help: "A file with the session's sound records.")
    var records: String?

    @Option(help: "The descriptor on which to say OK, or ERR and why.")
    var readyFd: Int32?

    @Option(help: "A descriptor to wait at: a byte comes when somebody knows of this broker who will end it.")
    var goFd: Int32?

    @Option(help: "UID:GID of the desktop user, whom the broker becomes.")
    var user: String?

    @Option(help: "What the host's mixer shows.")
    var name: String = "MediaPod"

    func validate() throws {
        for number in [listenFd, readyFd, goFd].compactMap({ $0 }) where fcntl(number, F_GETFD) < 0 {
            throw ValidationError("descriptor \(number) is not open; the broker is started by the engine")
        }
    }

    func run() throws {
        // Whoever waited for the broker's start may have gone.
        signal(SIGPIPE, SIG_IGN)
        if let goFd {
            var byte: UInt8 = 0
            guard read(goFd, &byte, 1) == 1 else { return }
            close(goFd)
        }
        let ready = Ready(descriptor: readyFd)
        do {
            try becomeUser()
            LoggingSystem.bootstrap(StreamLogHandler.standardError)
            let broker = try SoundBroker(
                try brokerConfiguration(), listener: OwnedDescriptor(adopting: listenFd), log: Logger(label: "broker")
            ) { state, obstacle in
                if case .failed(let reason) = state {
                    ready.say("ERR \(reason)")
                } else if let obstacle {
                    // The streams wait: whoever started this broker may know better.
                    ready.say("TOO FEW CHANNELS \(obstacle)")
                } else {
                    ready.say("OK")
                }
            }
            try broker.run()
        } catch let error as Errno {
            ready.say("ERR the sound broker cannot start: \(error)")
            throw error
        } catch {
            ready.say("ERR \(error)")
            throw error
        }
    }

    private func brokerConfiguration() throws -> SoundBroker.Configuration {
        guard let policy = SoundPolicy(rawValue: policy) else {
            throw ValidationError("unknown policy \(policy); there are portable and full")
        }
        guard let converter = ConverterKind(rawValue: converter) else {
            throw ValidationError(
                "unknown converter \(converter); there are "
                    + ConverterKind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return SoundBroker.Configuration(
            control: FilePath(control), sink: try SinkSpec(sound), policy: policy,
            downmix: downmix, records: try readRecords(), memory: memory.map { FilePath($0) }, name: name,
            converter: converter)
    }

    private func readRecords() throws -> SoundRecords? {
        guard let records else { return nil }
        let data = try Data(contentsOf: URL(filePath: records))
        struct Versioned: Codable { var version: Int }
        let version = try JSONDecoder().decode(Versioned.self, from: data).version
        guard version == SoundRecords.currentVersion else {
            let remedy =
                version > SoundRecords.currentVersion
                ? "resume it with a newer MediaPod" : "it was never released, and nothing reads it any more"
            throw SinkFailure(
                reason: "the session's sound records are of version \(version), not \(SoundRecords.currentVersion): "
                    + remedy)
        }
        return try JSONDecoder().decode(SoundRecords.self, from: data)
    }

    private func becomeUser() throws {
        // Sound shall not wait for a compiler run: raised while there is still the right to.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -11)
        if let user { try DesktopUser.become(user) }
    }
}

/// Tells whoever waits for the broker's start, once.
private final class Ready {
    private var descriptor: Int32?

    init(descriptor: Int32?) { self.descriptor = descriptor }

    func say(_ text: String) {
        guard let descriptor else { return }
        self.descriptor = nil
        let line = Array((text + "\n").utf8)
        _ = write(descriptor, line, line.count)
        close(descriptor)
    }
}
