public import DeviceStore
internal import LinuxSystem
public import SoundControl
public import SystemPackage

extension SessionStream {
    /// Unpacks a session's images into an empty folder and gives its sound records.
    ///
    /// The device is read once: the stream is unpacked while its digest is taken. When this throws, for a stream of
    /// another length or digest than the manifest's or for a filter that fails, the folder is empty again: of a
    /// damaged stream nothing is left to restore from.
    @discardableResult
    public static func read(
        _ manifest: SessionManifest, of pod: PodStore, into images: FilePath,
        progress: @escaping Progress = { _, _ in }
    ) throws -> SoundRecords {
        do {
            let state = try StateReader(manifest, of: pod)
            let filters = try manifest.filters.reversed().map { name throws(Failure) in try Filter.named(name).decode }
            try unpack(state, through: filters + [unarchive(images)], total: manifest.imageBytes, progress)
            return try records(in: images) ?? manifest.sound
        } catch {
            empty(images)
            let subject = "session \(manifest.number) of pod \(pod.name)"
            throw switch error {
            case let failure as Failure: failure.of(subject)
            case let error as Errno: Failure(subject, Failure.text(of: error), cause: error)
            default: error
            }
        }
    }

    /// Reads a session's whole stream; throws if it is not what the manifest says.
    public static func verify(
        _ manifest: SessionManifest, of pod: PodStore, progress: @escaping Progress = { _, _ in }
    ) throws {
        do {
            let state = try StateReader(manifest, of: pod)
            while try state.next() != nil { progress(state.count, manifest.streamBytes) }
        } catch {
            let subject = "session \(manifest.number) of pod \(pod.name)"
            throw (error as? Failure)?.of(subject) ?? error
        }
    }

    private static func unpack(
        _ state: StateReader, through commands: [Command], total: UInt64, _ progress: @escaping Progress
    ) throws {
        var pipeline = Pipeline(commands, stallLimit: stallLimit)
        pipeline.onProgress = { progress(min($0.readByLast, total), total) }
        do {
            try pipeline.run(source: { try state.next() })
        } catch let failure as Failure {
            // A program that cannot read damaged bytes is not at fault: see whether they are.
            while try state.next() != nil {}
            throw failure
        }
        progress(total, total)
    }

    private static func unarchive(_ images: FilePath) -> Command {
        // tar stops reading at the archive's end mark, though padding may follow; ignoring the mark it reads it all,
        // and the one before it is not killed by a broken pipe.
        let options = [
            "--extract", "--ignore-zeros", "--no-same-owner", "--preserve-permissions", "--blocking-factor=512",
        ]
        return Command("tar", options + ["--file=-", "--directory=\(images.string)"])
    }

    private static func records(in images: FilePath) throws -> SoundRecords? {
        let file = images.appending(soundFile)
        guard try Files.kind(of: file) == .file else { return nil }
        do {
            let records = try JSONText.decode(SoundRecords.self, from: try Files.read(file, limit: 16 << 20))
            guard records.version <= SoundRecords.currentVersion else {
                throw Failure(
                    sentence: "sound.json has format \(records.version), "
                        + "this program reads up to \(SoundRecords.currentVersion)",
                    remedy: "use a newer mediapod")
            }
            return records
        } catch let error as DecodingError {
            throw Failure(sentence: "sound.json \(JSONText.explain(error))")
        }
    }

    private static func empty(_ folder: FilePath) {
        for name in (try? Files.list(folder)) ?? [] { try? Files.removeTree(folder.appending(name)) }
    }
}

/// A session's `state`, read in pieces, checked against its manifest: the last piece is followed by the verdict.
private final class StateReader {
    private let file: OwnedDescriptor
    private let manifest: SessionManifest
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    private var digest = StreamDigest()
    private(set) var count: UInt64 = 0

    init(_ manifest: SessionManifest, of pod: PodStore) throws {
        let path = pod.stateFile(ofSession: manifest.number)
        let size: UInt64
        do {
            file = try Files.openForReading(path)
            size = try Files.size(of: path)
        } catch {
            let reason = error == .noSuchFileOrDirectory ? "is missing" : "is not readable: \(Failure.text(of: error))"
            throw Failure(sentence: "state \(reason)", cause: error)
        }
        self.manifest = manifest
        guard size >= manifest.streamBytes else {
            throw Failure(sentence: "state is truncated: \(size) of \(manifest.streamBytes) bytes")
        }
        guard size == manifest.streamBytes else {
            throw Failure(sentence: "state is damaged: it has \(size) bytes, the manifest says \(manifest.streamBytes)")
        }
    }

    deinit {
        buffer.deallocate()
    }

    /// The next bytes, valid until the next call; `nil` at an end that is as it should be.
    func next() throws -> UnsafeRawBufferPointer? {
        let got = try Files.read(file, into: buffer)
        if got == 0 {
            guard count == manifest.streamBytes else {
                throw Failure(sentence: "state is truncated: \(count) of \(manifest.streamBytes) bytes")
            }
            guard digest.hexadecimal == manifest.streamSHA256 else {
                throw Failure(sentence: "state is damaged: its SHA-256 is not the manifest's")
            }
            return nil
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
        digest.update(bytes)
        count += UInt64(got)
        return bytes
    }
}
