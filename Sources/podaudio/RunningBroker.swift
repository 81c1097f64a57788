internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import Pod
internal import SoundControl
internal import SystemPackage

/// `--pod NAME`, and which broker that means.
struct PodOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The pod. Without it, the only one that runs here.", valueName: "name"))
    var pod: String?

    /// The broker of the pod that is meant, which must be running on this host.
    func runningBroker() throws -> (pod: String, client: BrokerClient) {
        let runtime = RuntimeFolder(DeviceOptions.runtimeFolder)
        let name: String
        if let pod {
            // Becomes part of a path.
            try PodName.validate(pod)
            name = pod
        } else {
            let running = ((try? Files.list(runtime.pods)) ?? []).filter {
                (try? Files.kind(of: runtime.pod($0).brokerControl)) != nil
            }.sorted()
            guard let only = running.first else {
                throw Failure(sentence: "no pod runs on this host", remedy: "start one with: mediapod run NAME")
            }
            guard running.count == 1 else {
                throw Failure(
                    sentence: "several pods run here: \(running.joined(separator: ", "))",
                    remedy: "choose one with --pod NAME")
            }
            name = only
        }
        let socket = runtime.pod(name).brokerControl
        guard (try? Files.kind(of: socket)) != nil else {
            throw Failure(
                "pod \(name)", "does not run on this host, so it has no sound",
                remedy: "see mediapod list, and start it with mediapod run or resume")
        }
        return (name, BrokerClient(socket: socket))
    }
}

/// Asks a broker; its problems in one line.
func ask(
    _ client: BrokerClient, _ request: BrokerRequest, of pod: String,
    remedy: String? = "any mediapod command puts a broker that died right again"
) throws -> BrokerReply {
    do {
        return try client.request(request)
    } catch let problem as BrokerClient.Problem {
        throw Failure("the sound of pod \(pod)", "\(problem)", remedy: remedy)
    }
}
