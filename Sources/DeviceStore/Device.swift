internal import FoundationEssentials
internal import Glibc
package import LinuxSystem
public import SystemPackage

/// A folder that holds pods; on it, everything that goes from host to host.
///
///     mediapod.json                  the device's id and format version
///     bases/<sha256>.squashfs        read-only base file systems, shared by pods
///     pods/<name>/                   see PodStore
public struct Device: Sendable, Equatable {
    /// Absolute.
    public let root: FilePath
    public let id: String

    private struct Label: Document {
        static let currentFormat = 1
        var formatVersion = currentFormat
        var id: String
        var createdAt: Date

        enum CodingKeys: String, CodingKey {
            case formatVersion = "format_version"
            case createdAt = "created_at"
            case id
        }
    }

    static let labelName: FilePath.Component = "mediapod.json"

    /// Opens a device; throws `Failure` when the folder is none, or is of a newer format.
    public static func open(_ path: FilePath) throws -> Device {
        let name = "device \(path.string)"
        guard let root = absolute(path) else {
            throw Failure(
                sentence: "there is no device \(path.string)",
                remedy: "name another, or make it with: mediapod device init")
        }
        guard Files.isFolder(root) else { throw Failure(sentence: "\(path.string) is not a folder, so no device") }
        let file = root.appending(labelName)
        guard try attempt("open", name, { () throws(Errno) in try Files.kind(of: file) }) != nil else {
            throw Failure(
                sentence: "\(path.string) is not a MediaPod device: it has no \(labelName.string)",
                remedy: "name another, or make it one with: mediapod device init \(path.string)")
        }
        let label = try DocumentFile.read(Label.self, file, name: name)
        return Device(root: root, id: label.id)
    }

    /// Makes `path` a device, the folder too where there is none. One that is a device already stays as it is.
    /// Throws `Failure` when the folder has something else in it, or lies on a file system that cannot hold a pod's.
    public static func initialize(at path: FilePath) throws -> Device {
        let name = "device \(path.string)"
        try attempt("make", name) { () throws(Errno) in
            try Files.makeFolders(path, permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        }
        guard let root = absolute(path) else { throw Failure("make", name, Errno.noSuchFileOrDirectory) }
        let lock = try attempt("lock", name) { () throws(Errno) in try FileLock.take(root) }
        let present = try attempt("read", name) { () throws(Errno) in try Files.list(root) }
        if present.contains(labelName.string) { return try open(root) }
        // What an interrupted run left behind is its own; `lost+found` is the file system's.
        let own: Set = ["bases", "pods", "lost+found"]
        if let foreign = present.first(where: { !own.contains($0) && !$0.hasPrefix(".\(labelName.string).") }) {
            throw Failure(
                "make", name, "the folder is not empty (it has \"\(foreign)\")", remedy: "name an empty or a new folder"
            )
        }
        try FileSystemProbe.requireUnixMetadata(of: root)
        for folder in ["bases", "pods"] where !present.contains(folder) {
            try attempt("make", name) { () throws(Errno) in
                try Files.makeFolder(root.appending(folder), permissions: .init(rawValue: 0o755))
            }
        }
        let label = Label(id: UUID().uuidString.lowercased(), createdAt: Date())
        try DocumentFile.replace(root.appending(labelName), with: label, name: name)
        _ = consume lock
        return Device(root: root, id: label.id)
    }

    /// Where a base lies, whether it is there or not.
    public func basePath(_ digest: String) -> FilePath {
        basesFolder.appending("\(digest).squashfs")
    }

    package var basesFolder: FilePath { root.appending("bases") }
    package var podsFolder: FilePath { root.appending("pods") }

    /// For changes to the device's own lists of pods and bases: held for moments, by one process at a time.
    package func lock() throws -> FileLock {
        try attempt("lock", "device \(root.string)") { () throws(Errno) in try FileLock.take(root) }
    }

    /// Bytes that can still be written.
    public func freeBytes() throws -> UInt64 {
        try attempt("read", "device \(root.string)") { () throws(Errno) in try Files.freeBytes(at: root) }
    }

    /// Without links, so that one device has one name on a host; `nil` when there is no such file.
    private static func absolute(_ path: FilePath) -> FilePath? {
        guard let resolved = realpath(path.string, nil) else { return nil }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }
}
