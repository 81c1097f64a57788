internal import Crypto
internal import LinuxSystem

extension SessionManifest {
    private static let noChecksum = String(repeating: "0", count: 64)

    /// The file, with its checksum in it.
    package func encoded() throws -> [UInt8] {
        var manifest = self
        manifest.checksum = Self.noChecksum
        let bytes = try JSONText.encode(manifest)
        var digest = StreamDigest()
        bytes.withUnsafeBytes { digest.update($0) }
        manifest.checksum = digest.hexadecimal
        return try JSONText.encode(manifest)
    }

    /// A bit that fell over in the file is found before anything it says is believed.
    func problem(in bytes: [UInt8]) -> String? {
        guard formatVersion >= 2 else { return nil }
        guard let checksum, checksum.utf8.count == Self.noChecksum.utf8.count,
            let place = bytes.firstRange(of: Array(checksum.utf8))
        else { return "has no \"checksum\"" }
        var plain = bytes
        plain.replaceSubrange(place, with: Self.noChecksum.utf8)
        var digest = StreamDigest()
        plain.withUnsafeBytes { digest.update($0) }
        return digest.hexadecimal == checksum ? nil : "is damaged: its SHA-256 is not its checksum"
    }

    /// What is said twice, here and in the stream, and has to agree: all but what is known only when the stream is written,
    /// what an encrypted stream keeps to itself, and the layers, which may be merged later.
    public func isSameSession(as other: SessionManifest) -> Bool {
        id == other.id && number == other.number && createdAt == other.createdAt && base == other.base
            && filters == other.filters && requires == other.requires && hostname == other.hostname
            && kernel == other.kernel && criuVersion == other.criuVersion && formatVersion == other.formatVersion
            && hasNetwork == other.hasNetwork
    }
}
