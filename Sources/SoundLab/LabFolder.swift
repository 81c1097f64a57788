internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A folder for one test or one run of the demo; removed with all that is in it when it is let go.
public final class LabFolder: Sendable {
    public let path: FilePath

    /// A new folder below the system's place for temporary files, or below `parent`.
    public init(_ name: String, in parent: String? = nil) throws(Failure) {
        let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(name).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure("make", "a temporary folder in \(parent)", Errno(rawValue: errno))
        }
        path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        // mkdtemp's 0700 would keep a pod's users out of what lies in it.
        chmod(path.string, 0o755)
    }

    deinit { try? Files.removeTree(path) }

    public func appending(_ component: FilePath.Component) -> FilePath { path.appending(component) }
}
