internal import Glibc

/// A session's processes and records as one stream: an archive of CRIU's images, whole or as what differs from a full
/// session, through filters. `state` of a session on the device; the format is described in docs/stream.md.
public enum SessionStream {
    /// Called from time to time with what is done of what, in bytes.
    public typealias Progress = (_ done: UInt64, _ total: UInt64) -> Void

    /// Seconds without a byte moved after which a program of the stream counts as hung: 60, or what
    /// `MEDIAPOD_FILTER_PATIENCE` says.
    static let stallLimit: Int = {
        let said = getenv("MEDIAPOD_FILTER_PATIENCE").flatMap { Int(String(cString: $0)) }
        return said.map { max(1, $0) } ?? 60
    }()
}
