internal import DeviceStore
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The file that a stream is written to, with the digest of what it holds. Both are made beside what brings the bytes.
final class StateFile {
    private let digest = ConcurrentDigest()
    private let target: Target
    private let ring: PieceRing
    private(set) var count: UInt64 = 0

    init(_ path: FilePath) throws(Errno) {
        let target = Target(try Files.openForWriting(path))
        self.target = target
        ring = PieceRing(for: [digest.taker, { target.write($0) }])
    }

    /// Throws what went wrong with these bytes, or with earlier ones.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        ring.append(bytes)
        count += UInt64(bytes.count)
        try target.requireSound()
    }

    /// All is in the file when this returns; not synced. Its SHA-256, 64 hexadecimal digits.
    func finish() throws -> String {
        ring.finish()
        try target.requireSound()
        return digest.hexadecimal
    }

    /// Whole pieces go past the kernel's memory, where the file system lets them: they would take as much of it again
    /// as the session, and copying them there takes longer than a fast device needs. What goes through it is not left to
    /// the kernel's own plans: a slow device shall be busy from the beginning, not from the sync at the end.
    private final class Target: Sendable {
        private let file: SharedDescriptor
        /// What the first write that failed gave; 0 while none has.
        private let failure = Atomic<CInt>(0)
        private let state = Mutex(State())

        private struct State {
            var isDirect = false
            /// The file system has refused.
            var isRefused = false
            var count: UInt64 = 0
            var started: UInt64 = 0

            mutating func refuse() {
                isDirect = false
                isRefused = true
            }
        }

        /// So much is left to the kernel's own plans at most. Bytes.
        private static let writeBack: UInt64 = 4 << 20

        init(_ file: consuming OwnedDescriptor) { self.file = SharedDescriptor(file) }

        func requireSound() throws(Errno) {
            let number = failure.load(ordering: .relaxed)
            if number != 0 { throw Errno(rawValue: number) }
        }

        func write(_ bytes: UnsafeRawBufferPointer) {
            guard failure.load(ordering: .relaxed) == 0 else { return }
            do throws(Errno) {
                try state.withLock { state throws(Errno) in try write(bytes, &state) }
            } catch {
                failure.store(error.rawValue, ordering: .relaxed)
            }
        }

        private func write(_ bytes: UnsafeRawBufferPointer, _ state: inout State) throws(Errno) {
            let wanted = bytes.count == PieceRing.pieceSize && !state.isRefused
            if wanted != state.isDirect {
                state.isDirect = wanted
                if !Files.setDirect(file.descriptor, wanted) { state.refuse() }
            }
            do throws(Errno) {
                try Files.writeAll(file.descriptor, bytes, at: state.count)
            } catch {
                guard error == .invalidArgument, state.isDirect, Files.setDirect(file.descriptor, false) else {
                    throw error
                }
                state.refuse()
                try Files.writeAll(file.descriptor, bytes, at: state.count)
            }
            state.count += UInt64(bytes.count)
            guard !state.isDirect, state.count - state.started >= Self.writeBack else { return }
            Files.startWriteBack(file.descriptor, from: state.started, count: state.count - state.started)
            state.started = state.count
        }
    }
}

/// A session's `state`, read in pieces, checked against its manifest: the last piece is followed by the verdict.
final class StateReader {
    private let file: OwnedDescriptor
    private let manifest: SessionManifest
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    private let digest: ConcurrentDigest
    private let ring: PieceRing
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
        digest = ConcurrentDigest()
        ring = PieceRing(for: [digest.taker])
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
            ring.finish()
            guard digest.hexadecimal == manifest.streamSHA256 else {
                throw Failure(sentence: "state is damaged: its SHA-256 is not the manifest's")
            }
            return nil
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
        ring.append(bytes)
        count += UInt64(got)
        return bytes
    }

    /// Reads what is left, for the verdict alone.
    func verify() throws {
        while try next() != nil {}
    }
}
