public import LinuxSystem
internal import SystemPackage

/// The filters that turn the archive of an older format into that of the next. Like others they are programs from standard
/// input to standard output; they know nothing of the device.
struct Upgrades: Sendable {
    let program: FilePath

    /// From a manifest's format up to the lowest that is read as it is, one step after the other.
    func commands(from format: Int) -> [Command] {
        (format..<max(format, SessionRecord.oldestFormat)).map { step in
            Command(program.string, ["_upgrade", "\(step)"], name: Filter.label("upgrade-\(step)"))
        }
    }
}

/// Turns an archive of one format into that of the next.
public enum ArchiveUpgrade {
    /// Reads standard input, writes standard output.
    ///
    /// - Parameter format: of the input.
    public static func run(
        from format: Int, input: borrowing OwnedDescriptor, output: consuming OwnedDescriptor
    ) throws {
        guard format == 1 else {
            throw Failure(sentence: "there is no upgrade from format \(format)")
        }
        let upgrade = UpgradeFrom1(SharedDescriptor(output))
        var parser = ArchiveParser(upgrade)
        try upgrade.start()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try Files.read(input, into: buffer), count > 0 {
            try parser.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        try parser.finish()
        try upgrade.finish()
    }
}

/// Format 1: the images in one folder, `./NAME`, with the sound records, `./sound.json`, which the manifest has too.
private final class UpgradeFrom1: ArchiveConsumer {
    private let output: SharedDescriptor
    private var isWanted = false

    init(_ output: SharedDescriptor) { self.output = output }

    func start() throws {
        let record = try JSONText.encode(SessionRecord(upgradedFrom: 1))
        let header = ArchiveHeader(name: StreamMember.record.name, size: UInt64(record.count))
        try write(header.encoded + record + zeros(header.padding))
    }

    func begin(_ member: ArchiveHeader) throws {
        let name = member.name.hasPrefix("./") ? String(member.name.dropFirst(2)) : member.name
        isWanted = member.kind == .file && name != "sound.json"
        guard isWanted else { return }
        try StreamMember.requireImageName(name)
        try write(ArchiveHeader(name: StreamMember.image(name).name, size: member.size).encoded)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        if isWanted { try Files.writeAll(output.descriptor, bytes) }
    }

    func end(_ member: ArchiveHeader) throws {
        if isWanted { try write(zeros(member.padding)) }
    }

    func finish() throws { try write(zeros(2 * ArchiveHeader.unit)) }

    private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private func write(_ bytes: [UInt8]) throws {
        let written = bytes.withUnsafeBytes { buffer in Result { try Files.writeAll(output.descriptor, buffer) } }
        try written.get()
    }
}
