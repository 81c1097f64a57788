internal import SystemPackage

/// A session's processes and records as one stream: a tar of CRIU's images and of `sound.json`, through the filters.
/// `state` of a session on the device.
public enum SessionStream {
    /// The sound records' name among the images; CRIU opens only what it knows.
    static let soundFile: FilePath.Component = "sound.json"

    /// Seconds without a byte moved after which a program of the stream counts as hung.
    package static let stallLimit = 60

    /// What a manifest says of a stream.
    public struct Summary: Sendable, Equatable {
        /// Bytes of the images before any filter.
        public var imageBytes: UInt64
        public var streamBytes: UInt64
        public var sha256: String
        /// In the order they were gone through.
        public var filters: [String]
    }

    /// Called from time to time with what is done of what, in bytes of images.
    public typealias Progress = (_ done: UInt64, _ total: UInt64) -> Void
}
