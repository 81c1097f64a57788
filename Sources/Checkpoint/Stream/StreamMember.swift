internal import LinuxSystem

/// What a member of a stream's archive is, by its name.
enum StreamMember: Equatable {
    /// `session.json`, the first: what is known of the session before its images.
    case record
    /// `images/NAME`: an image, whole.
    case image(String)
    /// `delta/NAME`: an image by what differs from a full session.
    case delta(String)
    /// `blocks`, the second of a full session: its blocks' digests.
    case blocks

    static let imageFolder = "images/"
    static let deltaFolder = "delta/"

    var name: String {
        switch self {
        case .record: "session.json"
        case .image(let name): Self.imageFolder + name
        case .delta(let name): Self.deltaFolder + name
        case .blocks: "blocks"
        }
    }

    init(_ header: ArchiveHeader) throws {
        let name = header.name
        guard header.kind == .file else { throw Failure(sentence: "its member \(name) is no ordinary file") }
        if name == Self.record.name {
            self = .record
        } else if name == Self.blocks.name {
            self = .blocks
        } else if name.hasPrefix(Self.imageFolder) {
            self = .image(String(name.dropFirst(Self.imageFolder.count)))
        } else if name.hasPrefix(Self.deltaFolder) {
            self = .delta(String(name.dropFirst(Self.deltaFolder.count)))
        } else {
            throw Failure(sentence: "its member \(name) is none that a session has")
        }
        switch self {
        case .image(let name), .delta(let name): try Self.requireImageName(name)
        case .record, .blocks: break
        }
    }

    /// CRIU's names are of letters, digits, "-", "_" and "."; no other gets into the folder that it reads.
    static func requireImageName(_ name: String) throws(Failure) {
        let isPlain = name.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
        }
        guard isPlain, !name.hasPrefix("."), (1...longestImageName).contains(name.utf8.count) else {
            throw Failure(sentence: "\"\(name.prefix(120))\" is no image's name")
        }
    }

    private static let longestImageName = ArchiveHeader.longestName - imageFolder.utf8.count
}
