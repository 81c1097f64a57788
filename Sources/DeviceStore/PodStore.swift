internal import LinuxSystem
public import SystemPackage

/// One pod on a device.
///
///     pod.json               what it is made of
///     files.json             the layers that a fresh run starts on
///     owner.json             the host that has it running
///     lock, wanted, readers  empty or a note: what commands of all hosts lock
///     layers/<n>/            overlay layers: upper, work and layer.json
///     sessions/<n>/          suspended sessions: manifest.json and state
///     current                the number of the session that resumes
public struct PodStore: Sendable, Equatable {
    public let device: Device
    public let name: String
    public let folder: FilePath

    init(device: Device, name: String) {
        self.init(device: device, name: name, folder: device.podsFolder.appending(name))
    }

    /// One that has not got its name yet.
    init(device: Device, name: String, folder: FilePath) {
        self.device = device
        self.name = name
        self.folder = folder
    }

    public func configuration() throws -> PodConfiguration {
        let configuration = try DocumentFile.read(
            PodConfiguration.self, folder.appending("pod.json"), name: "pod \(name)")
        // The folder's name is what people see and type; a copy under another name is that pod now.
        var named = configuration
        named.name = name
        return named
    }

    public func save(_ configuration: PodConfiguration) throws {
        try DocumentFile.replace(folder.appending("pod.json"), with: configuration, name: "pod \(name)")
    }

    /// Makes a network the pod's from now on; `nil` leaves it what it is.
    public func keep(_ network: PodNetwork?) throws {
        var configuration = try configuration()
        guard let network, network != configuration.network else { return }
        configuration.network = network
        try save(configuration)
    }

    /// Removes the pod with its files and sessions; its base stays, others may use it.
    ///
    /// The caller sees to it that the pod does not run. In effect from the first step on: a removal cut short is
    /// finished by the next one who makes or removes a pod.
    public func remove() throws {
        let lock = try device.lock()
        try device.removeInterrupted()
        let gone = device.podsFolder.appending(".\(name).removed.partial")
        try attempt("remove", "pod \(name)") { () throws(Errno) in
            try Files.move(folder, to: gone)
            try Files.syncFolder(device.podsFolder)
        }
        try Files.removeTree(gone)
        _ = consume lock
    }
}
