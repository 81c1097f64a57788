internal import ArgumentParser
internal import CLI
internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

struct DeviceInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a folder or a block device a device.",
        discussion: """
            A folder is made where there is none; it has to be empty. On a file system without Unix owners and \
            attributes (FAT, exFAT, NTFS) all goes into one file there, mediapod.ext4. Of a block device its file system \
            is used, which must be empty too. A device stays as it is.
            """)

    @Argument(help: "The folder, or the block device.")
    var path: String

    @Option(
        help: ArgumentHelp(
            "Size of the file that all goes into, where one is needed: 500M, 8G. It grows when it fills up.",
            valueName: "bytes"))
    var size: ByteCountArgument?

    @Flag(help: "Make an ext4 on a block device that has nothing on it.")
    var format = false

    @OptionGroup var progressOptions: ProgressOptions

    func run() throws {
        guard !path.isEmpty else { throw Failure("make", "a device", "the name is empty") }
        let place = FilePath(path)
        let runtime = DeviceOptions.runtimeFolder
        let line = ProgressLine(progressOptions.progress)
        line.stage("making room")
        var making = Device.Making(runtime: runtime)
        making.imageBytes = size?.bytes
        making.formats = format
        making.progress = { line.update(done: $0, total: $1) }
        let isOld = (try? Device.open(place, runtime: runtime)) != nil
        let device = try Device.initialize(at: place, making)
        line.finish()
        try? KnownDevices(runtime: runtime).remember(device)
        print("\(device.place) is \(isOld ? "already" : "now") a device, id \(device.id)")
    }
}

/// "500M": bytes, with a unit of powers of 1024.
struct ByteCountArgument: ExpressibleByArgument {
    var bytes: UInt64

    init?(argument: String) {
        let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
        let unit = argument.last.flatMap { units[Character($0.uppercased())] }
        guard let number = UInt64(unit == nil ? argument : String(argument.dropLast())), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow else { return nil }
        self.bytes = bytes
    }
}
