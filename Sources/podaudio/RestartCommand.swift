internal import ArgumentParser
internal import CLI
internal import Glibc
internal import LinuxSystem
internal import SoundControl

/// `podaudio restart`: another broker, perhaps of another version, goes on with what plays.
struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Replace a pod's sound broker, as after an upgrade; no frame is lost or repeated.")

    @OptionGroup var pod: PodOptions
    @OptionGroup var output: OutputOptions

    private struct Answer: Encodable {
        var pod: String
        var brokerPID: Int32

        enum CodingKeys: String, CodingKey {
            case brokerPID = "broker_pid"
            case pod
        }
    }

    /// A sound server may have to be found anew.
    private static let patienceSeconds = 15

    func run() throws {
        let (name, client) = try pod.runningBroker()
        let old = try brokerStatus(client, .status, of: name).brokerPID
        // As at a suspend, but that the pod runs on: its programs find their positions standing still for a moment.
        // Not left half done by Ctrl-C.
        let interrupt = try Interrupt()
        defer { withExtendedLifetime(interrupt) {} }
        do {
            for step in [BrokerRequest.hold, .detach, .quit] { _ = try ask(client, step, of: name) }
        } catch {
            _ = try? client.request(.attach)
            throw error
        }
        let deadline = MonotonicClock.nanoseconds + UInt64(Self.patienceSeconds) * 1_000_000_000
        while MonotonicClock.nanoseconds < deadline {
            if case .status(let status)? = try? client.request(.status), status.brokerPID != old {
                return try output.show(Answer(pod: name, brokerPID: status.brokerPID)) {
                    [("pod", name), ("broker", "process \(status.brokerPID)")]
                }
            }
            usleep(5000)
        }
        throw Failure(
            "the sound of pod \(name)", "no other broker has started within \(Self.patienceSeconds) s",
            remedy: "any mediapod command puts it right")
    }
}
