internal import DeviceStore
internal import LinuxSystem

/// What is in a session's stream, for people.
public struct StreamContents: Codable, Sendable {
    public struct Member: Codable, Sendable {
        /// In the archive.
        public var name: String
        /// `record`, `image`, `delta` or `blocks`.
        public var kind: String
        /// Bytes of the member.
        public var bytes: UInt64
        /// Of the image that it is, or becomes.
        public var imageBytes: UInt64?
        /// Of a delta: blocks of 4096 bytes that are in it, that are the full session's, and that are zeros.
        public var newBlocks: UInt64?
        public var fullBlocks: UInt64?
        public var zeroBlocks: UInt64?

        enum CodingKeys: String, CodingKey {
            case imageBytes = "image_bytes"
            case newBlocks = "new_blocks"
            case fullBlocks = "full_blocks"
            case zeroBlocks = "zero_blocks"
            case name, kind, bytes
        }
    }

    public var session: Int
    /// Of the stream; older ones are shown as the upgrade filters made them.
    public var formatVersion: Int
    public var filters: [String]
    public var requires: [Int]
    public var streamBytes: UInt64
    public var imageBytes: UInt64
    public var members: [Member]
    public var record: SessionRecord

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case streamBytes = "stream_bytes"
        case imageBytes = "image_bytes"
        case session, filters, requires, members, record
    }

    init(_ manifest: SessionManifest, record: SessionRecord, members: [Member]) {
        session = manifest.number
        formatVersion = manifest.formatVersion
        filters = manifest.filters
        requires = manifest.requires
        streamBytes = manifest.streamBytes
        imageBytes = manifest.imageBytes
        self.members = members
        self.record = record
    }
}

/// Notes the members, and keeps nothing of them.
final class MemberListing: MemberHandler {
    private(set) var members: [StreamContents.Member] = []
    private var head: ImageDeltaHead?

    func begin(_ member: StreamMember, size: UInt64) throws {
        head = nil
        var entry = StreamContents.Member(name: member.name, kind: "", bytes: size)
        switch member {
        case .record: entry.kind = "record"
        case .image:
            entry.kind = "image"
            entry.imageBytes = size
        case .delta(let name):
            entry.kind = "delta"
            head = ImageDeltaHead(of: name, contentSize: size)
        case .blocks: entry.kind = "blocks"
        }
        members.append(entry)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        guard let delta = try head?.append(&rest)?.delta else { return }
        head = nil
        func count(_ wanted: (BlockRun.Origin) -> Bool) -> UInt64 {
            delta.runs.reduce(0) { $0 + (wanted($1.origin) ? $1.count : 0) }
        }
        members[members.count - 1].imageBytes = delta.size
        members[members.count - 1].newBlocks = count { $0 == .new }
        members[members.count - 1].zeroBlocks = count { $0 == .zeros }
        members[members.count - 1].fullBlocks = count { if case .full = $0 { true } else { false } }
    }

    func end(_ member: StreamMember) throws {}
}
