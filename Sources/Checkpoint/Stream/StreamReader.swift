public import DeviceStore
internal import LinuxSystem
public import SystemPackage

/// Reads a session from its stream, and from that of the full session whose blocks it needs.
///
/// Each device file is read once: its digest is taken while it goes through the filters. Nothing has been restored by then;
/// what does not agree at the end is thrown away.
///
/// Memory: the images, the programs' own, a megabyte for each pipe, and 32 bytes for each run of blocks of the full session.
public final class StreamReader: Sendable {
    /// One stream, and what undoes its filters.
    struct Part: Sendable {
        var manifest: SessionManifest
        var decoders: [Command]
    }

    let pod: PodStore
    let part: Part
    let full: Part?
    /// What its manifest does not say is in the stream.
    public let isEncrypted: Bool

    public var manifest: SessionManifest { part.manifest }
    /// The session itself, or that whose blocks it needs.
    public var fullManifest: SessionManifest { full?.manifest ?? part.manifest }
    /// Of all that is read.
    public var streamBytes: UInt64 { part.manifest.streamBytes + (full?.manifest.streamBytes ?? 0) }

    var subject: String { "session \(part.manifest.number) of pod \(pod.name)" }

    /// Throws what is in the way of reading it (a filter that this host does not have, a missing session), and asks for
    /// what is secret.
    public init(
        _ manifest: SessionManifest, of pod: PodStore, filters table: FilterTable = .ofThisHost, keys: Keys = Keys()
    ) throws {
        let subject = "session \(manifest.number) of pod \(pod.name)"
        self.pod = pod
        do {
            let needed = try Self.required(by: manifest, of: pod)
            isEncrypted = try manifest.filters.contains { name throws(Failure) in try table.filter(name).encrypts }
            part = try Self.part(manifest, of: pod, table, keys)
            full = try needed.map { try Self.part($0, of: pod, table, keys) }
        } catch let failure as Failure {
            throw failure.of(subject)
        }
    }

    private static func part(
        _ manifest: SessionManifest, of pod: PodStore, _ table: FilterTable, _ keys: Keys
    ) throws -> Part {
        if manifest.filters.last == Filter.age.name {
            try Filter.requireKey(to: pod.stateFile(ofSession: manifest.number), keys)
        }
        return Part(manifest: manifest, decoders: try table.decoders(of: manifest, keys))
    }

    /// A session needs one full session at most, made before it.
    private static func required(by manifest: SessionManifest, of pod: PodStore) throws -> SessionManifest? {
        guard let number = manifest.requires.first else { return nil }
        guard manifest.requires.count == 1, number < manifest.number else {
            throw Failure(sentence: "manifest.json requires what no session can")
        }
        let full = try pod.manifest(ofSession: number)
        guard full.requires.isEmpty else {
            throw Failure(sentence: "session \(number), which it needs, is no full one")
        }
        return full
    }

    // MARK: - Reading

    /// Unpacks the images into an empty folder. When this throws, it is empty again: of a damaged stream nothing is left
    /// to restore from.
    ///
    /// - Parameters:
    ///   - blocks: gets the full session's `blocks`, for the next suspend; not made where its stream has none.
    ///   - onRecord: gets the session's record when it has been read, long before the end. Nothing has been verified by
    ///     then but what its own encryption verifies.
    public func unpack(
        into images: FilePath, blocks: FilePath, onRecord: @escaping (SessionRecord) -> Void = { _ in },
        progress: @escaping SessionStream.Progress = { _, _ in }
    ) throws {
        do {
            let progress = Counter(of: streamBytes, progress)
            let files = ImageFiles(in: images)
            if let full {
                let delta = DeltaImages(files)
                let record = try read(part, delta, progress, onRecord)
                try record.requireFull(full.manifest)
                let source = FullBlocks(for: delta, blocks: blocks)
                do {
                    _ = try read(full, source, progress)
                    try source.finish()
                } catch let failure as Failure {
                    throw failure.of("session \(full.manifest.number), whose blocks it needs")
                }
            } else {
                let source = WholeImages(files, blocks: blocks)
                _ = try read(part, source, progress, onRecord)
                try source.finish()
            }
            try files.finish(part.manifest)
        } catch {
            for name in (try? Files.list(images)) ?? [] { try? Files.removeTree(images.appending(name)) }
            try? Files.remove(blocks)
            throw inWords(error)
        }
    }

    /// What is in the session's own stream, member by member.
    public func list() throws -> StreamContents {
        do {
            let listing = MemberListing()
            let record = try read(part, listing, Counter(of: part.manifest.streamBytes) { _, _ in })
            return StreamContents(part.manifest, record: record, members: listing.members)
        } catch {
            throw inWords(error)
        }
    }

    /// What its stream begins with; nothing is verified but what its encryption verifies.
    func readRecord() throws -> SessionRecord? {
        struct Enough: Error {}
        var found: SessionRecord?
        do {
            _ = try read(part, MemberListing(), Counter(of: 0) { _, _ in }) {
                found = $0
                throw Enough()
            }
        } catch is Enough {}
        return found
    }

    func inWords(_ error: any Error) -> any Error {
        switch error {
        case let failure as Failure: Filter.explain(failure).of(subject)
        case let error as Errno: Failure(subject, Failure.text(of: error), cause: error)
        default: error
        }
    }

    /// Runs one stream through its filters to `handler`.
    func read(
        _ part: Part, _ handler: any MemberHandler, _ progress: Counter,
        _ onRecord: @escaping (SessionRecord) throws -> Void = { _ in }
    ) throws -> SessionRecord {
        let state = try StateReader(part.manifest, of: pod)
        let members = MemberReader(part.manifest, handler)
        var parser = ArchiveParser(members)
        var isAnnounced = false
        do {
            try Pipeline(part.decoders, stallLimit: SessionStream.stallLimit).run(
                source: {
                    let bytes = try state.next()
                    progress.add(UInt64(bytes?.count ?? 0))
                    return bytes.map { Pipeline.Piece($0) }
                },
                sink: { bytes in
                    try parser.append(bytes)
                    if !isAnnounced, let record = members.record {
                        isAnnounced = true
                        try onRecord(record)
                    }
                }, tick: progress.report)
            try parser.finish()
        } catch let failure as Failure {
            // What cannot read damaged bytes is not at fault: see whether they are.
            try state.verify()
            throw failure
        }
        guard let record = members.record else { throw Failure(sentence: "its archive is empty") }
        progress.report()
        return record
    }
}

/// How far a stream is.
final class Counter {
    private let total: UInt64
    private var count: UInt64 = 0
    private let show: SessionStream.Progress

    init(of total: UInt64, _ show: @escaping SessionStream.Progress) {
        self.total = total
        self.show = show
    }

    func add(_ bytes: UInt64) { count += bytes }
    func report() { show(min(count, total), total) }
}
