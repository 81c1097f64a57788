internal import DeviceStore
internal import LinuxSystem
internal import SystemPackage

/// The file that a stream is written to, with the digest of what it holds.
final class StateFile {
    let digest = ConcurrentDigest()
    private(set) var count: UInt64 = 0
    private var started: UInt64 = 0
    private let file: OwnedDescriptor

    /// So much is left to the kernel's own plans at most: a slow device shall be busy from the beginning, not from
    /// the sync at the end. Bytes.
    private static let writeBack: UInt64 = 4 << 20

    init(_ path: FilePath) throws(Errno) {
        file = try Files.openForWriting(path)
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        digest.update(bytes)
        try Files.writeAll(file, bytes)
        count += UInt64(bytes.count)
        if count - started >= Self.writeBack {
            Files.startWriteBack(file, from: started, count: count - started)
            started = count
        }
    }
}

/// A session's `state`, read in pieces, checked against its manifest: the last piece is followed by the verdict.
final class StateReader {
    private let file: OwnedDescriptor
    private let manifest: SessionManifest
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    private let digest = ConcurrentDigest()
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

    /// Reads what is left, for the verdict alone.
    func verify() throws {
        while try next() != nil {}
    }
}
