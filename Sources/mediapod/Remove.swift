internal import ArgumentParser
internal import DeviceStore
internal import LinuxSystem
internal import Session

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove a pod with its files and its sessions, or some of its sessions.",
        discussion: """
            Asks nothing. A pod that runs is not removed. Its base stays on the device, other pods may use it: see \
            `mediapod prune --bases`.
            """
    )

    @OptionGroup var pod: PodOptions

    @Option(
        help: ArgumentHelp("Only remove this kept session; may be given several times.", valueName: "n"))
    var session: [Int] = []

    func run() throws {
        if !session.isEmpty {
            let report = try pod.session().remove(sessions: session)
            print("sessions of pod \(pod.name) removed, \(byteText(report.freedBytes)) freed")
            return
        }
        try pod.session().remove()
        print("pod \(pod.name) removed")
    }
}
