internal import DeviceStore
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// A session's `state`, read in pieces, checked against its manifest: the last piece is followed by the verdict.
final class StateReader {
    private let feed: StateFeed
    private let manifest: SessionManifest
    private(set) var count: UInt64 = 0

    init(_ manifest: SessionManifest, of pod: PodStore) throws {
        let path = pod.stateFile(ofSession: manifest.number)
        let file: SharedDescriptor
        let size: UInt64
        do {
            file = SharedDescriptor(try Files.openForReading(path))
            size = try Files.size(of: path)
        } catch {
            let reason = error == .noSuchFileOrDirectory ? "is missing" : "is not readable: \(Failure.text(of: error))"
            throw Failure(sentence: "state \(reason)", cause: error)
        }
        guard size >= manifest.streamBytes else {
            throw Failure(sentence: "state is truncated: \(size) of \(manifest.streamBytes) bytes")
        }
        guard size == manifest.streamBytes else {
            throw Failure(sentence: "state is damaged: it has \(size) bytes, the manifest says \(manifest.streamBytes)")
        }
        self.manifest = manifest
        feed = StateFeed(file, size: size, StateDigest(format: manifest.formatVersion))
    }

    /// The next bytes, valid until the next call; `nil` at an end that is as it should be.
    func next() throws -> UnsafeRawBufferPointer? {
        guard let bytes = try feed.next() else {
            guard count == manifest.streamBytes else {
                throw Failure(sentence: "state is truncated: \(count) of \(manifest.streamBytes) bytes")
            }
            guard feed.digest.hexadecimal == manifest.streamSHA256 else {
                throw Failure(sentence: "state is damaged: its digest is not the manifest's")
            }
            return nil
        }
        count += UInt64(bytes.count)
        return bytes
    }

    /// Reads what is left, for the verdict alone.
    func verify() throws {
        while try next() != nil {}
    }
}

/// A file's bytes, and their digest. A longer one is read ahead beside what is done with it, its digest taken beside both,
/// and whole pieces come past the kernel's memory, where the file system lets them: they are read once.
///
/// Memory: that of a `PieceRing`.
private final class StateFeed {
    let digest: StateDigest
    private let file: SharedDescriptor
    private let offer = Offer()
    private let reading = DoneSignal()
    private let isConcurrent: Bool
    /// Where the bytes go that no thread reads.
    private let buffer: UnsafeMutableRawBufferPointer
    /// Whether the thread waits for a piece to be done with, and whether it has said that none follows.
    private var hasPiece = false
    private var hasEnded = false

    /// - Parameter size: how long the file was a moment ago, bytes.
    init(_ file: SharedDescriptor, size: UInt64, _ digest: StateDigest) {
        self.digest = digest
        self.file = file
        isConcurrent =
            size > PieceRing.pieceSize
            && reading.start { [digest, offer] in
                let failure = Self.read(file, PieceRing(for: digest.takers + [offer.give]), offer)
                offer.end(failure)
            }
        buffer = .allocate(byteCount: isConcurrent ? 0 : PieceRing.pieceSize, alignment: 16)
    }

    deinit {
        offer.cancel()
        reading.wait()
        buffer.deallocate()
    }

    /// What ended it, on the thread that reads; `nil` for the end of the file.
    private static func read(_ file: SharedDescriptor, _ ring: PieceRing, _ offer: Offer) -> Errno? {
        defer { ring.finish() }
        var isDirect = Files.setDirect(file.descriptor, true)
        var offset: UInt64 = 0
        while !offer.isCancelled {
            do throws(Errno) {
                let count = try ring.fill { room throws(Errno) in
                    try Files.read(file.descriptor, into: room, at: offset)
                }
                if count == 0 { return nil }
                offset += UInt64(count)
            } catch {
                // Also at an end that is not a sector's.
                guard error == .invalidArgument, isDirect, Files.setDirect(file.descriptor, false) else { return error }
                isDirect = false
            }
        }
        return nil
    }

    /// Valid until the next call; `nil` at the end.
    func next() throws(Errno) -> UnsafeRawBufferPointer? {
        guard !hasEnded else { return nil }
        let bytes = isConcurrent ? try take() : try readHere()
        hasEnded = bytes.isEmpty
        return hasEnded ? nil : bytes
    }

    private func readHere() throws(Errno) -> UnsafeRawBufferPointer {
        var count = 0
        while count < buffer.count {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let got = try Files.read(file.descriptor, into: room)
            if got == 0 { break }
            count += got
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if count > 0 { for take in digest.takers { take(bytes) } }
        return bytes
    }

    private func take() throws(Errno) -> UnsafeRawBufferPointer {
        if hasPiece { offer.done() }
        let bytes = offer.take()
        hasPiece = !bytes.isEmpty
        if !hasPiece, let failure = offer.failure { throw failure }
        return bytes
    }
}

/// What the thread that reads has for the one that asks: one piece at a time.
private final class Offer: Sendable {
    private let cancelled = Atomic(false)
    private let error = Atomic<CInt>(0)
    /// Where the piece lies, and how long it is; 0 bytes when none follows.
    private let address = Atomic<UInt>(0)
    private let count = Atomic<Int>(0)
    private let offered = Semaphore()
    private let taken = Semaphore()

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    var failure: Errno? {
        let number = error.load(ordering: .relaxed)
        return number == 0 ? nil : Errno(rawValue: number)
    }

    /// Returns when the piece is not needed any more.
    func give(_ bytes: UnsafeRawBufferPointer) {
        guard !isCancelled else { return }
        address.store(UInt(bitPattern: bytes.baseAddress), ordering: .relaxed)
        count.store(bytes.count, ordering: .relaxed)
        offered.post()
        taken.wait()
    }

    /// None follows.
    func end(_ failure: Errno?) {
        error.store(failure?.rawValue ?? 0, ordering: .relaxed)
        count.store(0, ordering: .relaxed)
        offered.post()
    }

    func take() -> UnsafeRawBufferPointer {
        offered.wait()
        let start = UnsafeRawPointer(bitPattern: address.load(ordering: .relaxed))
        return UnsafeRawBufferPointer(start: start, count: count.load(ordering: .relaxed))
    }

    func done() { taken.post() }

    /// Nothing is needed any more.
    func cancel() {
        cancelled.store(true, ordering: .releasing)
        taken.post()
    }
}
