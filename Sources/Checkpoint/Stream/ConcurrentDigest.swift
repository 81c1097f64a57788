internal import DeviceStore
internal import Glibc
internal import LinuxSystem

/// SHA-256 of bytes that come in pieces, taken on a thread of its own beside what else is done with them: of a session of
/// gigabytes it takes as long as writing them.
///
/// Memory: a megabyte.
final class ConcurrentDigest {
    private let shared = Shared()
    private let thread = DoneSignal()
    /// False where no thread was to be had: then it is taken by whoever brings the bytes.
    private let isConcurrent: Bool
    private var isFinished = false

    /// A ring of pieces that wait for their turn. A piece is its writer's until `filled` is posted, and the thread's until
    /// `free` is; what the thread is given first it takes first.
    private final class Shared: @unchecked Sendable {
        // Unchecked, and safe: who may touch a piece is said by the semaphores; `digest` is the thread's, and whoever's
        // has waited for its end.
        static let slots = 4
        static let slotBytes = 1 << 18
        let free = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        let filled = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        let pieces = UnsafeMutableRawBufferPointer.allocate(byteCount: slots * slotBytes, alignment: 64)
        /// Bytes in each; 0 says that none follows.
        let counts = UnsafeMutableBufferPointer<Int>.allocate(capacity: slots)
        var digest = StreamDigest()

        init() {
            sem_init(free, 0, UInt32(Self.slots))
            sem_init(filled, 0, 0)
        }

        deinit {
            sem_destroy(free)
            sem_destroy(filled)
            free.deallocate()
            filled.deallocate()
            pieces.deallocate()
            counts.deallocate()
        }

        func piece(_ slot: Int) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(rebasing: pieces[slot * Self.slotBytes..<(slot + 1) * Self.slotBytes])
        }

        static func wait(_ semaphore: UnsafeMutablePointer<sem_t>) {
            while sem_wait(semaphore) != 0 {}
        }
    }

    private var slot = 0

    init() {
        isConcurrent = thread.start { [shared] in
            var slot = 0
            while true {
                Shared.wait(shared.filled)
                let count = shared.counts[slot]
                guard count > 0 else { return }
                shared.digest.update(UnsafeRawBufferPointer(rebasing: shared.piece(slot)[..<count]))
                sem_post(shared.free)
                slot = (slot + 1) % Shared.slots
            }
        }
    }

    deinit { finish() }

    /// Waits only while all pieces wait.
    func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(!isFinished, "nothing follows the end")
        guard isConcurrent else { return shared.digest.update(bytes) }
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Shared.slotBytes))
            hand(part)
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        }
    }

    private func hand(_ part: UnsafeRawBufferPointer) {
        Shared.wait(shared.free)
        shared.piece(slot).copyMemory(from: part)
        shared.counts[slot] = part.count
        sem_post(shared.filled)
        slot = (slot + 1) % Shared.slots
    }

    private func finish() {
        guard !isFinished else { return }
        isFinished = true
        guard isConcurrent else { return }
        hand(UnsafeRawBufferPointer(start: nil, count: 0))
        thread.wait()
    }

    /// 64 hexadecimal digits, of all bytes; none may follow.
    var hexadecimal: String {
        finish()
        return shared.digest.hexadecimal
    }
}
