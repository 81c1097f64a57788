internal import LinuxSystem
internal import SystemPackage

/// Bytes that come in pieces, for several who each take all of them in order on a thread of their own, beside what
/// is done for the next.
///
/// Memory: 16 MiB, in huge pages, as what goes past the kernel's memory does so from here.
final class PieceRing {
    typealias Taker = @Sendable (UnsafeRawBufferPointer) -> Void

    /// All pieces have this size but the last. Bytes.
    static let pieceSize = 4 << 20
    private static let slots = 4

    private let shared: Shared
    private let takers: [Taker]
    private var threads: [DoneSignal] = []
    private var isBegun = false
    private var isFinished = false
    /// Where the next bytes go, and how many of the piece are there.
    private var slot = 0
    private var used = 0

    /// A slot is the writer's until it posts every taker's `filled`, and again when each has posted its `free`; what is
    /// filled first is taken first.
    private final class Shared: @unchecked Sendable {
        // Unchecked, and safe: who may touch a slot is said by the semaphores.
        let bytes = HugePages.allocate(byteCount: slots * pieceSize)
        /// Bytes in each; 0 says that none follows.
        let counts = UnsafeMutableBufferPointer<Int>.allocate(capacity: slots)
        /// Of each taker: one slot is the writer's from the beginning.
        let free: [Semaphore]
        let filled: [Semaphore]

        init(takers: Int) {
            free = (0..<takers).map { _ in Semaphore(slots - 1) }
            filled = (0..<takers).map { _ in Semaphore() }
        }

        deinit {
            counts.deallocate()
            bytes.deallocate()
        }

        func piece(_ slot: Int) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(rebasing: bytes[slot * pieceSize..<(slot + 1) * pieceSize])
        }
    }

    init(for takers: [Taker]) {
        self.takers = takers
        shared = Shared(takers: takers.count)
    }

    deinit { finish() }

    /// Waits only while all slots do.
    func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(!isFinished, "nothing follows the end")
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceSize - used))
            UnsafeMutableRawBufferPointer(rebasing: shared.piece(slot)[used...]).copyMemory(from: part)
            used += part.count
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
            if used == Self.pieceSize { hand() }
        }
    }

    /// Has the next bytes written to where they are taken from.
    ///
    /// - Parameter write: is given the room that there is, and says how much it wrote; 0 at the end.
    /// - Returns: what it said.
    func fill(_ write: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int) throws(Errno) -> Int {
        precondition(!isFinished, "nothing follows the end")
        let count = try write(UnsafeMutableRawBufferPointer(rebasing: shared.piece(slot)[used...]))
        used += count
        if used == Self.pieceSize { hand() }
        return count
    }

    /// None may follow; returns when all have been taken.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        if used > 0 {
            // Of little, nobody needs a thread.
            if isBegun { hand() } else { takeHere() }
        }
        guard !threads.isEmpty else { return }
        hand()
        for thread in threads { thread.wait() }
    }

    private func begin() {
        isBegun = true
        for (index, take) in takers.enumerated() {
            let thread = DoneSignal()
            // Where there are not enough, whoever brings the bytes does what is left.
            guard thread.start({ [shared] in Self.run(index, take, shared) }) else { break }
            threads.append(thread)
        }
    }

    private static func run(_ index: Int, _ take: Taker, _ shared: Shared) {
        var slot = 0
        while true {
            shared.filled[index].wait()
            let count = shared.counts[slot]
            guard count > 0 else { return }
            take(UnsafeRawBufferPointer(rebasing: shared.piece(slot)[..<count]))
            shared.free[index].post()
            slot = (slot + 1) % slots
        }
    }

    private func takeHere() {
        let bytes = UnsafeRawBufferPointer(rebasing: shared.piece(slot)[..<used])
        if !bytes.isEmpty { for take in takers[threads.count...] { take(bytes) } }
    }

    /// Gives the slot to all, and waits for the next.
    private func hand() {
        if !isBegun { begin() }
        takeHere()
        shared.counts[slot] = used
        for index in threads.indices { shared.filled[index].post() }
        slot = (slot + 1) % Self.slots
        used = 0
        for index in threads.indices { shared.free[index].wait() }
    }
}
