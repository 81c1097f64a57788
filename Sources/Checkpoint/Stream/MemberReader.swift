internal import DeviceStore
internal import LinuxSystem

/// What is done with a session's images.
protocol MemberHandler: AnyObject {
    /// Never for `session.json`.
    func begin(_ member: StreamMember, size: UInt64) throws
    func append(_ bytes: UnsafeRawBufferPointer) throws
    func end(_ member: StreamMember) throws
}

/// Sees to it that an archive is a session's, and this one's: `session.json` first, `blocks` next or not
/// at all, no member twice.
final class MemberReader: ArchiveConsumer {
    private(set) var record: SessionRecord?
    private let manifest: SessionManifest
    private let handler: any MemberHandler
    private var member = StreamMember.record
    private var recordBytes: [UInt8] = []
    private var names: Set<String> = []

    init(_ manifest: SessionManifest, _ handler: any MemberHandler) {
        self.manifest = manifest
        self.handler = handler
    }

    func begin(_ header: ArchiveHeader) throws {
        member = try StreamMember(header)
        guard (member == .record) == names.isEmpty else {
            throw Failure(sentence: "its archive does not begin with session.json")
        }
        guard names.insert(header.name).inserted, member != .blocks || names.count == 2 else {
            throw Failure(sentence: "its member \(header.name) is not where it belongs")
        }
        if member == .record {
            guard header.size <= SessionRecord.limit else { throw Failure(sentence: "its session.json is too long") }
        } else {
            try handler.begin(member, size: header.size)
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        if member == .record { recordBytes += bytes } else { try handler.append(bytes) }
    }

    func end(_ header: ArchiveHeader) throws {
        guard member == .record else { return try handler.end(member) }
        let record = try SessionRecord(recordBytes)
        try record.requireMatch(manifest)
        self.record = record
    }
}
