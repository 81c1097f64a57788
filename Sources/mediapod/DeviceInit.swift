internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

struct DeviceInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a folder a device.",
        discussion: """
            The folder is made where there is none; it has to be empty, and on a file system with Unix owners and \
            attributes (ext4, xfs, btrfs). A device stays as it is.
            """)

    @Argument(help: "The folder.")
    var folder: String

    func run() throws {
        guard !folder.isEmpty else { throw Failure("make", "a device", "the folder's name is empty") }
        let path = FilePath(folder)
        let present = try? Device.open(path)
        let device = try Device.initialize(at: path)
        try? KnownDevices(runtime: DeviceOptions.runtimeFolder).remember(device)
        print("\(device.root.string) is \(present == nil ? "now" : "already") a device, id \(device.id)")
    }
}
