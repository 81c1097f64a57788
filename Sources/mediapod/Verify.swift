internal import ArgumentParser
internal import CLI
internal import Checkpoint
internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "See whether what lies on a device is what was written there.",
        discussion: """
            Compares bases and sessions with their digests. With --contents it also does all that a resume does with \
            the sessions' streams, for which encrypted ones want a key: without theirs they are closed. Changes nothing. \
            Ends with 1 when something is damaged or closed.
            """)

    @Argument(help: "The pod; without it, all of the device.")
    var name: String?

    @Flag(help: "Look into the streams, too.")
    var contents = false

    @OptionGroup var keys: KeyOptions
    @OptionGroup var deviceOptions: DeviceOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var progressOptions: ProgressOptions

    func validate() throws {
        if !contents, keys.identity != nil || keys.passphrase.passphraseFile != nil {
            throw ValidationError("a key is of use with --contents only")
        }
    }

    func run() throws {
        let device = try deviceOptions.open()
        let line = ProgressLine(progressOptions.progress)
        let verification = DeviceVerification(device, openingWith: contents ? try keys.keys() : nil) {
            part, done, total in
            line.stage("reading \(part)")
            line.update(done: done, total: total)
        }
        let parts = try name.map { try verification.run(device.pod($0)) } ?? verification.run()
        line.finish()
        try output.show(
            parts, empty: "nothing on \(device.place) yet", columns: ["part", "verdict", "read", "finding"]
        ) {
            [.text($0.part), .text($0.verdict.rawValue), .number(byteText($0.bytes)), .text($0.finding)]
        }
        if parts.contains(where: { $0.verdict != .ok }) { throw ExitCode.failure }
    }
}
