package import FoundationEssentials
internal import LinuxSystem
internal import SystemPackage

/// `layer.json`: where a layer comes from and what has become of it.
package struct LayerRecord: Document, Sendable {
    static let currentFormat = 1

    var formatVersion = currentFormat
    /// When it was begun, and on which host; `nil` for one that an older version made.
    package var createdAt: Date?
    package var hostname: String?
    /// The session that was resumed onto it; `nil` for a fresh run.
    package var session: Int?
    /// The layers below it then, lowest first.
    package var below: [Int] = []
    /// Higher layers whose files are in this one now. Whoever names them beside this one means this one.
    package var merged: [Int] = []
    /// Whether a session was suspended with it, or another pod shares its files: nothing may be written to it again.
    package var isSealed = false
    /// What a sealed one takes up.
    package var bytes: UInt64?

    enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case createdAt = "created_at"
        case isSealed = "sealed"
        case hostname, session, below, merged, bytes
    }
}

extension PodStore {
    func recordFile(ofLayer number: Int) -> FilePath { layerFolder(number).appending("layer.json") }

    package func record(ofLayer number: Int) throws -> LayerRecord {
        do {
            return try DocumentFile.read(
                LayerRecord.self, recordFile(ofLayer: number), name: "layer \(number) of pod \(name)")
        } catch let failure as Failure where failure.cause == .noSuchFileOrDirectory {
            return LayerRecord()
        }
    }

    func save(_ record: LayerRecord, ofLayer number: Int) throws {
        try DocumentFile.replace(recordFile(ofLayer: number), with: record, name: "layer \(number) of pod \(name)")
    }
}
