internal import Glibc
public import LinuxSystem
internal import SystemPackage

/// A mount in a pod that shows a part of the host, which CRIU must be told of: it does not dump it, and finds its
/// counterpart on the next host.
public struct ExternalMount: Sendable, Equatable {
    /// Where it is in the pod: its name in the images too.
    public var place: String
    /// What it shows, on this host.
    public var source: String

    /// For CRIU's `--external`.
    public var whenDumped: String { "mnt[\(place)]:\(place)" }
    public var whenRestored: String { "mnt[\(place)]:\(source)" }

    /// Those of a running pod.
    public static func all(of process: ProcessIdentity, _ folder: PodFolder) throws -> [ExternalMount] {
        let table = FilePath("/proc/\(process.pid)/mountinfo")
        let text = try attempt("read", table.string) { () throws(Errno) in try Files.text(table) }
        // "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE SUPEROPTIONS"
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            // One that shows all of its file system is the pod's own.
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, dash > 4, fields[3] != "/" else {
                return nil
            }
            switch fields[dash + 1] {
            // Read-only parts of the pod's own /proc.
            case "proc": return nil
            case "devtmpfs": return ExternalMount(place: fields[4], source: "/dev" + fields[3])
            default: return ExternalMount(place: fields[4], source: folder.guest.string)
            }
        }
    }

    /// Those that any pod may have had on the host that it comes from, as they are found on this one.
    static func all(on folder: PodFolder) -> [ExternalMount] {
        [ExternalMount(place: PodSpec.guestPlace, source: folder.guest.string)]
            + devices.map { ExternalMount(place: $0, source: $0) }
            + PodSpec.maskedPaths.map { ExternalMount(place: $0, source: "/dev/null") }
    }

    /// What runc gives every container (OCI runtime specification, default devices).
    private static let devices = ["null", "zero", "full", "random", "urandom", "tty"].map { "/dev/\($0)" }
}
