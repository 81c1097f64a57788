internal import FoundationEssentials
internal import Glibc
package import LinuxSystem
public import SystemPackage

/// What holds pods; on it, everything that goes from host to host.
///
///     mediapod.json                  the device's id and format version
///     bases/<sha256>.squashfs        read-only base file systems, shared by pods
///     pods/<name>/                   see PodStore
///
/// A folder of a Linux file system as it is; on another file system an image in a folder (`DeviceImage`); or a block device
/// with a file system on it.
public struct Device: Sendable, Equatable {
    /// The folder with the files above, on this host. Absolute.
    public let root: FilePath
    /// What a person calls it: the folder, or the block device. Absolute.
    public let place: FilePath
    public let id: String
    /// Where it lies in an image.
    let image: DeviceImage?

    private struct Label: Document {
        static let currentFormat = 1
        var formatVersion = currentFormat
        var id: String
        var createdAt: Date
        /// The file beside it that all the rest is in.
        var image: String?

        enum CodingKeys: String, CodingKey {
            case formatVersion = "format_version"
            case createdAt = "created_at"
            case id, image
        }
    }

    static let labelName: FilePath.Component = "mediapod.json"

    /// Opens a device; throws `Failure` when the folder is none, or is of a newer format.
    ///
    /// - Parameter runtime: the host's runtime folder, for what has to be mounted; that stays so until this process ends.
    public static func open(_ path: FilePath, runtime: FilePath? = nil) throws -> Device {
        guard let place = absolute(path) else {
            throw Failure(
                sentence: "there is no device \(path.string)",
                remedy: "name another, or make it with: mediapod device init")
        }
        if let block = BlockDevice(place) {
            return try open(folder: try block.mount(in: try require(runtime, place)), as: place, runtime: runtime)
        }
        guard Files.isFolder(place) else { throw Failure(sentence: "\(path.string) is not a folder, so no device") }
        return try open(folder: place, as: place, runtime: runtime)
    }

    private static func open(folder: FilePath, as place: FilePath, runtime: FilePath?) throws -> Device {
        let name = "device \(place)"
        let file = folder.appending(labelName)
        guard try attempt("open", name, { () throws(Errno) in try Files.kind(of: file) }) != nil else {
            throw Failure(
                sentence: "\(place) is not a MediaPod device: it has no \(labelName.string)",
                remedy: "name another, or make it one with: mediapod device init \(place)")
        }
        let label = try DocumentFile.read(Label.self, file, name: name)
        guard let image = label.image else { return Device(root: folder, place: place, id: label.id, image: nil) }
        // The only one there is: what a label names could lead anywhere.
        guard image == DeviceImage.name.string, UUID(uuidString: label.id) != nil else {
            throw Failure(name, "\(labelName) is damaged: it names no image")
        }
        let inside = DeviceImage(file: folder.appending(DeviceImage.name))
        guard Files.isRegularFile(inside.file) else {
            throw Failure(name, "its image \(inside.file) is missing", remedy: "copy it from where the device was")
        }
        let root = try inside.mount(id: label.id, in: try require(runtime, place))
        let own = try DocumentFile.read(Label.self, root.appending(labelName), name: name)
        guard own.id == label.id else { throw Failure(name, "\(inside.file) is another device's image") }
        return Device(root: root, place: place, id: label.id, image: inside)
    }

    private static func require(_ runtime: FilePath?, _ place: FilePath) throws(Failure) -> FilePath {
        guard let runtime else { throw Failure("open", "device \(place)", "there is no place to mount it at") }
        return runtime
    }

    /// Whether there may be a device at that place, without mounting anything.
    static func mayBe(at path: FilePath) -> Bool {
        BlockDevice(path) != nil || Files.isRegularFile(path.appending(labelName))
    }

    /// How a device is made.
    public struct Making {
        public var runtime: FilePath?
        /// Bytes of the image, on a file system that needs one; without, what seems best.
        public var imageBytes: UInt64?
        /// Whether a block device that has nothing on it gets a file system.
        public var formats = false
        /// Bytes done, and all.
        public var progress: (UInt64, UInt64) -> Void = { _, _ in }

        public init(runtime: FilePath? = nil) { self.runtime = runtime }
    }

    /// Makes `path` a device, the folder too where there is none. One that is a device already stays as it is.
    /// Throws `Failure` when the folder has something else in it, or lies on a file system that can hold neither a pod's
    /// files nor an image of them.
    public static func initialize(at path: FilePath, _ making: Making = Making()) throws -> Device {
        if let place = absolute(path), let block = BlockDevice(place) {
            if making.formats { try block.format() }
            let root = try block.mount(in: try require(making.runtime, place))
            return try initialize(folder: root, as: place, making)
        }
        let name = "device \(path.string)"
        try attempt("make", name) { () throws(Errno) in
            try Files.makeFolders(path, permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        }
        guard let root = absolute(path) else { throw Failure("make", name, Errno.noSuchFileOrDirectory) }
        return try initialize(folder: root, as: root, making)
    }

    /// What an interrupted run left behind is its own; the rest is made by file systems, and by who shows them.
    private static let own: Set = ["bases", "pods", "lost+found", "System Volume Information"]

    private static func initialize(folder root: FilePath, as place: FilePath, _ making: Making) throws -> Device {
        let name = "device \(place)"
        let lock = try attempt("lock", name) { () throws(Errno) in try FileLock.take(root) }
        let present = try attempt("read", name) { () throws(Errno) in try Files.list(root) }
        if present.contains(labelName.string) {
            return try open(folder: root, as: place, runtime: making.runtime)
        }
        let leftovers = [".\(labelName).", ".\(DeviceImage.name)", DeviceImage.name.string]
        if let foreign = present.first(where: { file in
            !own.contains(file) && !leftovers.contains { file.hasPrefix($0) }
        }) {
            throw Failure(
                "make", name, "the folder is not empty (it has \"\(foreign)\")", remedy: "name an empty or a new folder"
            )
        }
        let label = Label(id: UUID().uuidString.lowercased(), createdAt: Date())
        if let lack = try FileSystemProbe.lack(of: root) {
            try makeImage(in: root, label, lack, making)
            return try open(folder: root, as: place, runtime: making.runtime)
        }
        try lay(out: root, present, label, name)
        _ = consume lock
        return Device(root: root, place: place, id: label.id, image: nil)
    }

    private static func lay(out root: FilePath, _ present: [String], _ label: Label, _ name: String) throws {
        for folder in ["bases", "pods"] where !present.contains(folder) {
            try attempt("make", name) { () throws(Errno) in
                try Files.makeFolder(root.appending(folder), permissions: .init(rawValue: 0o755))
            }
        }
        try DocumentFile.replace(root.appending(labelName), with: label, name: name)
    }

    private static func makeImage(in folder: FilePath, _ label: Label, _ lack: String, _ making: Making) throws {
        do {
            try DeviceImage.create(
                in: folder, bytes: making.imageBytes, id: label.id, runtime: try require(making.runtime, folder),
                progress: making.progress
            ) { root in
                try lay(out: root, [], label, "device \(folder)")
            }
        } catch let failure as Failure {
            throw Failure(
                "make", "a device of \(folder)", "\(lack), and an image cannot be made there: \(failure.reason)",
                remedy: failure.remedy, cause: failure.cause)
        }
        var outer = label
        outer.image = DeviceImage.name.string
        try DocumentFile.replace(folder.appending(labelName), with: outer, name: "device \(folder)")
    }

    /// Where a base lies, whether it is there or not.
    public func basePath(_ digest: String) -> FilePath {
        basesFolder.appending("\(digest).squashfs")
    }

    package var basesFolder: FilePath { root.appending("bases") }
    package var podsFolder: FilePath { root.appending("pods") }

    /// For changes to the device's own lists of pods and bases: held for moments, by one process at a time.
    package func lock() throws -> FileLock {
        try attempt("lock", "device \(place)") { () throws(Errno) in try FileLock.take(root) }
    }

    /// Bytes that can still be written.
    public func freeBytes() throws -> UInt64 {
        try attempt("read", "device \(place)") { () throws(Errno) in
            guard let image else { return try Files.freeBytes(at: root) }
            return try image.freeBytes(root: root)
        }
    }

    /// Why its image cannot grow on this host; `nil` when it can, or when there is none that would have to.
    public var obstacleToGrowth: String? { image == nil ? nil : DeviceImage.obstacleToGrowth }

    /// Sees to it that so many bytes are free where an image can grow; elsewhere nothing can be done about it.
    ///
    /// - Parameter progress: bytes done, and all.
    public func makeRoom(_ bytes: UInt64, progress: (UInt64, UInt64) -> Void = { _, _ in }) throws {
        try image?.makeRoom(bytes, root: root, progress: progress)
    }

    /// Without links, so that one device has one name on a host; `nil` when there is no such file.
    private static func absolute(_ path: FilePath) -> FilePath? {
        guard let resolved = realpath(path.string, nil) else { return nil }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }
}
