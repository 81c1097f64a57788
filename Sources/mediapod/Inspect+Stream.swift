internal import CLI
internal import Checkpoint
internal import DeviceStore
internal import LinuxSystem
internal import SoundControl

extension Inspect {
    func showStream(of store: PodStore) throws {
        guard let manifest = try session.map(store.manifest(ofSession:)) ?? store.currentSession() else {
            throw Failure("inspect", "pod \(store.name)", "it has no suspended session")
        }
        let contents = try StreamReader(manifest, of: store, keys: keys.keys()).list()
        try output.show(contents) { Self.lines(contents) }
        guard output.format == .table else { return }
        print()
        try output.show(
            contents.members, empty: "", columns: ["member", "bytes", "image bytes", "new blocks", "old", "zero"]
        ) {
            [
                .text($0.name), .number("\($0.bytes)"), .number($0.imageBytes.map { "\($0)" } ?? ""),
                .number(Self.blocks($0.newBlocks)), .number(Self.blocks($0.fullBlocks)),
                .number(Self.blocks($0.zeroBlocks)),
            ]
        }
    }

    /// Blocks are pages: 4096 bytes.
    private static func blocks(_ count: UInt64?) -> String { count.map { "\($0)" } ?? "" }

    private static func lines(_ contents: StreamContents) -> [(String, String)] {
        var lines = [
            ("session", "\(contents.session)"),
            ("format", "\(contents.formatVersion)"),
            ("stream", "\(byteText(contents.streamBytes)) for \(byteText(contents.imageBytes)) of images"),
            ("filters", contents.filters.isEmpty ? "none" : contents.filters.joined(separator: ", ")),
        ]
        if let asked = contents.record.filters, asked != contents.filters {
            lines.append(("asked for", asked.joined(separator: ", ")))
        }
        if let needed = contents.requires.first { lines.append(("needs", "session \(needed)")) }
        if let session = contents.record.session {
            lines.append(("suspended on", "\(session.hostname), Linux \(session.kernel), CRIU \(session.criuVersion)"))
            lines.append(("sound", "\(session.sound.streams.count) streams"))
        }
        return lines
    }
}
