public import DeviceStore
internal import LinuxSystem
internal import SoundControl
public import SystemPackage

/// Writes a session's stream to its `state`. The filters run from the beginning on: what is wrong with them shows before
/// anything is stopped for the session's sake.
///
/// Memory: the programs' own; a megabyte for each pipe, and 17; 16 for small images, twice; and for each block of 4096 bytes 16 bytes, or 48 when there is a
/// full session to compare with.
public final class StreamWriter {
    /// What differs from a full session may be a fourth of the images at most. A larger part would soon cost more at each
    /// resume, which reads both, than it saved once.
    private static let largestDelta: UInt64 = 4

    private let writer: SessionWriter
    private let choices: [FilterChoice]
    private let chain: FilterChain
    private let full: FullSession?
    private let run: PipelineRun
    private let subject: String

    /// Starts the programs; asks for what is secret.
    ///
    /// - Parameter full: what to compare with; `nil` for a full session in any case.
    public init(
        to writer: SessionWriter, through choices: [FilterChoice], of table: FilterTable = .ofThisHost,
        keys: Keys = Keys(),
        against full: FullSession? = nil
    ) throws {
        self.writer = writer
        self.choices = choices
        subject = "session \(writer.number) of pod \(writer.pod.name)"
        do {
            chain = try table.chain(choices)
            run = try Pipeline(try chain.encoders(keys), stallLimit: SessionStream.stallLimit).start(
                feeding: true, collecting: true)
            // Another passphrase than the full session's: both would be wanted at each resume.
            let isOpen = !chain.hasPassphrase || full?.opens(with: keys, table) ?? true
            self.full = isOpen ? full : nil
        } catch let failure as Failure {
            throw failure.during("write", subject)
        }
    }

    /// Waits for a filter that takes a second to turn a passphrase into a key, so that nothing else has to wait for it.
    public func waitUntilReady() throws {
        do {
            if chain.isSlowToBegin { try run.waitForOutput() } else { try run.requireAlive() }
        } catch let failure as Failure {
            throw Filter.explain(failure).during("write", subject)
        }
    }

    /// Begins to look at images that are about to be written into an empty folder.
    public func scan(_ images: FilePath) -> BlockScan {
        BlockScan(of: images, salt: full?.index.table.salt ?? BlockSalt())
    }

    /// Writes the images (a folder in memory, the engine's own), whole or as what differs from the full session. Not
    /// synced: the commit does that.
    ///
    /// Throws `Failure` that names the filter at fault, or says what a full device lacks. What was written by then
    /// goes with the session's writer.
    ///
    /// - Parameters:
    ///   - manifest: all that is known of the session by now.
    ///   - scan: of those images.
    ///   - check: asked for each megabyte; throws to end it.
    /// - Returns: the whole manifest.
    public func write(
        _ images: FilePath, scan: BlockScan, manifest: SessionManifest, check: @escaping () throws -> Void = {},
        progress: @escaping SessionStream.Progress = { _, _ in }
    ) throws -> SessionManifest {
        var manifest = manifest
        let found: Scan
        do { found = try scan.finish() } catch let failure as Failure { throw failure.during("write", subject) }
        let table = found.table
        let deltas = full.flatMap { self.deltas(of: table, against: $0.index) }
        manifest.filters = chain.names
        manifest.requires = deltas == nil ? [] : full.map { [$0.requirement.number] } ?? []
        manifest.imageBytes = table.imageBytes
        let record = SessionRecord(
            session: manifest, filters: choices, requires: deltas == nil ? [] : full.map { [$0.requirement] } ?? [])

        let source = ArchiveSource()
        source.add(StreamMember.record.name, head: try JSONText.encode(record))
        if deltas == nil { source.add(StreamMember.blocks.name, head: table.encoded) }
        for (index, image) in table.images.enumerated() {
            var (member, head, parts) = (StreamMember.image(image.name), [UInt8](), [0..<image.size])
            if let delta = deltas?[index], delta.isWorthwhile {
                (member, head, parts) = (.delta(image.name), delta.head, delta.newParts)
            }
            if let bytes = found.small[image.name] {
                for part in parts { head += bytes[Int(part.lowerBound)..<Int(part.upperBound)] }
                source.add(member.name, head: head)
            } else {
                source.add(member.name, head: head, file: images.appending(image.name), parts: parts)
            }
        }
        source.end()
        (manifest.streamBytes, manifest.streamSHA256) = try write(source, check, progress)
        if chain.encrypts { manifest.withdrawDetails() }
        return manifest
    }

    /// `nil` when a full session is better.
    private func deltas(of table: BlockTable, against index: BlockIndex) -> [ImageDelta]? {
        let deltas = table.images.map { ImageDelta(of: $0, in: table, against: index) }
        let new = deltas.reduce(UInt64(0)) { $0 + $1.newBytes + UInt64($1.runs.count * ImageDelta.runSize) }
        return new <= table.imageBytes / Self.largestDelta ? deltas : nil
    }

    private func write(
        _ source: ArchiveSource, _ check: @escaping () throws -> Void, _ progress: @escaping SessionStream.Progress
    ) throws -> (bytes: UInt64, sha256: String) {
        let free = try writer.pod.device.freeBytes()
        let state = try attempt("write", subject) { () throws(Errno) in try StateFile(writer.stateFile) }
        let sha256: String
        do {
            try run.finish(
                source: {
                    try check()
                    return try source.next()
                }, sink: { try state.append($0) }, tick: { progress(source.count, source.total) })
            sha256 = try state.finish()
        } catch let error as Errno {
            throw Failure.writing(subject, on: writer.pod.device, error, need: source.total, free: free)
        } catch let failure as Failure {
            throw Filter.explain(failure).during("write", subject)
        }
        progress(source.total, source.total)
        return (state.count, sha256)
    }
}

extension SessionManifest {
    /// What an encrypted session is made of, and what it played, is nobody's business: only the stream says it. What a
    /// host needs to know beforehand stays.
    fileprivate mutating func withdrawDetails() {
        mappedFiles = nil
        for index in (origins ?? []).indices { origins?[index].programs = [] }
        for index in sound.streams.indices { sound.streams[index].program = "" }
    }
}
