internal import ArgumentParser
internal import CLI
internal import Session

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "End a pod's programs, and with them its session; its files stay.")

    @OptionGroup var pod: PodOptions

    @Option(
        name: .shortAndLong, help: ArgumentHelp("How long programs get to end by themselves.", valueName: "seconds"))
    var time = 10

    @Flag(help: "End a suspended session too, whose programs are only on the device.")
    var discard = false

    func validate() throws {
        guard (0...3600).contains(time) else { throw ValidationError("--time wants 0 to 3600 seconds, not \(time)") }
    }

    func run() throws {
        let lost = try pod.session(needsDevice: false).stop(graceSeconds: time, discarding: discard)
        print("pod \(pod.name) stopped")
        if let lost {
            let where_ = "it goes back to its last suspend when the device is there again"
            Terminal.say("the device does not know (\(lost)): \(where_)")
        }
    }
}
