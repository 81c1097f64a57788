public import DeviceStore
internal import LinuxSystem

/// `session.json`: a session's manifest as far as it is known before the stream, within it. Where the stream is encrypted,
/// nobody can alter this.
public struct SessionRecord: Codable, Sendable, Equatable {
    /// The version of the stream's format that this program writes, and the highest it reads.
    static let currentFormat = 3
    /// The lowest whose archive is read as it is; lower ones are upgraded.
    static let oldestFormat = 2

    /// A full session, as a session that is made of its blocks names it.
    public struct Requirement: Codable, Sendable, Equatable {
        public var number: Int
        public var streamSHA256: String

        enum CodingKeys: String, CodingKey {
            case streamSHA256 = "stream_sha256"
            case number
        }
    }

    var formatVersion = currentFormat
    /// The version that it was written in, when filters turned it into this one: then it says nothing else.
    var upgradedFrom: Int?
    public var session: SessionManifest?
    /// The filters as they were asked for, for the next suspend.
    public var filters: [String]?
    public var requires: [Requirement]?

    /// No record is as long as this. Bytes.
    static let limit = 16 << 20

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case upgradedFrom = "upgraded_from"
        case session, filters, requires
    }

    public init(session: SessionManifest, filters: [FilterChoice], requires: [Requirement]) {
        self.session = session
        self.filters = filters.map(\.description)
        self.requires = requires
    }

    init(upgradedFrom version: Int) {
        formatVersion = Self.oldestFormat
        upgradedFrom = version
    }

    init(_ bytes: [UInt8]) throws(Failure) {
        do {
            self = try JSONText.decode(SessionRecord.self, from: bytes)
        } catch {
            throw Failure(sentence: "its session.json \(JSONText.explain(error))")
        }
        guard (Self.oldestFormat...Self.currentFormat).contains(formatVersion) else {
            throw Failure(
                sentence: "its stream has format \(formatVersion), this program reads up to \(Self.currentFormat)",
                remedy: "use a newer mediapod")
        }
    }

    /// Throws unless this is the stream that the manifest speaks of.
    func requireMatch(_ manifest: SessionManifest) throws {
        guard upgradedFrom == nil else {
            // Before format 2 there was no record to compare with.
            guard manifest.isBeforeRecords else { throw Self.foreign }
            return
        }
        guard !manifest.isBeforeRecords, let session, session.isSameSession(as: manifest),
            (requires ?? []).map(\.number) == manifest.requires
        else { throw Self.foreign }
    }

    /// Throws unless that is the full session whose blocks are meant: its number alone says too little.
    func requireFull(_ full: SessionManifest) throws {
        guard requires == [Requirement(number: full.number, streamSHA256: full.streamSHA256)] else {
            throw Failure(sentence: "session \(full.number) is not the one that it was made of")
        }
    }

    private static let foreign = Failure(sentence: "manifest.json and state are not of the same session")
}

extension SessionManifest {
    /// Of a format whose streams have no `session.json`.
    var isBeforeRecords: Bool { formatVersion < 2 }

    /// Throws when the images are not as many bytes as it says.
    func requireImageBytes(_ count: UInt64) throws(Failure) {
        // What was upgraded had its records among the images.
        guard isBeforeRecords || count == imageBytes else {
            throw Failure(sentence: "its images have \(count) bytes, manifest.json says \(imageBytes)")
        }
    }
}
