internal import DeviceStore
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The file that a stream is written to, with the digest of what it holds. Both are made beside what brings the bytes.
final class StateFile {
    private let digest = StateDigest(format: SessionRecord.currentFormat)
    private let target: Target
    private let ring: PieceRing
    private(set) var count: UInt64 = 0

    init(_ path: FilePath) throws(Errno) {
        let target = Target(try Files.openForWriting(path))
        self.target = target
        ring = PieceRing(for: digest.takers + [{ target.write($0) }])
    }

    /// Throws what went wrong with these bytes, or with earlier ones.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        ring.append(bytes)
        count += UInt64(bytes.count)
        try target.requireSound()
    }

    /// All is in the file when this returns; not synced. Its digest, 64 hexadecimal digits.
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
