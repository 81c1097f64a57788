internal import ArgumentParser

struct DeviceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Make storage ready for pods.", subcommands: [DeviceInit.self])
}
