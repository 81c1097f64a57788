public import DeviceStore
internal import LinuxSystem
public import SystemPackage

/// A full session on the device that a new one may be made of the blocks of.
public struct FullSession {
    let index: BlockIndex
    private let manifest: SessionManifest
    private let pod: PodStore

    var requirement: SessionRecord.Requirement {
        SessionRecord.Requirement(number: manifest.number, streamSHA256: manifest.streamSHA256)
    }

    /// - Parameter blocks: the member `blocks` of its archive, as a resume kept it.
    public init(_ manifest: SessionManifest, of pod: PodStore, blocks: FilePath) throws {
        precondition(manifest.requires.isEmpty)
        self.manifest = manifest
        self.pod = pod
        index = BlockIndex(try Self.table(in: blocks))
    }

    /// Whether its stream can be read with these keys, as far as its beginning tells.
    func opens(with keys: Keys, _ table: FilterTable) -> Bool {
        guard let reader = try? StreamReader(manifest, of: pod, filters: table, keys: keys) else { return false }
        return (try? reader.readRecord()) != nil
    }

    static func table(in blocks: FilePath) throws(Failure) -> BlockTable {
        let bytes = try attempt("read", blocks.string) { () throws(Errno) in
            try Files.read(blocks, limit: limit)
        }
        return try BlockTable(bytes)
    }

    /// Of a terabyte of memory. Bytes.
    static let limit = 4 << 30
}
