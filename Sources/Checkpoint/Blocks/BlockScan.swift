internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Takes the digests of all images in a folder, on a thread of its own: from the moment on at which CRIU writes the first,
/// so that hardly any are left to take when it has written the last.
///
/// Memory: 16 bytes for each block of 4096.
public final class BlockScan: Sendable {
    private let thread = DoneSignal()
    private let shared: Shared
    private let work: @Sendable () -> Void
    /// False where no thread was to be had: then all digests are taken when the last image has been written.
    private let isConcurrent: Bool

    private final class Shared: Sendable {
        let folder: FilePath
        let salt: BlockSalt
        let isDumped = Atomic(false)
        let isCancelled = Atomic(false)
        /// Ends a pause.
        let end = Semaphore()
        let result = Mutex<Result<BlockTable, any Error>?>(nil)

        init(_ folder: FilePath, _ salt: BlockSalt) {
            self.folder = folder
            self.salt = salt
        }
    }

    init(of folder: FilePath, salt: BlockSalt) {
        shared = Shared(folder, salt)
        let work: @Sendable () -> Void = { [shared] in
            let result = Result {
                var scanner = Scanner(shared.folder, shared.salt)
                while !shared.isDumped.load(ordering: .acquiring), !shared.isCancelled.load(ordering: .relaxed) {
                    // Rarely while there is little: of a hundred processes, listing what is there is work, too.
                    if try !scanner.followPages() { shared.end.wait(milliseconds: 20) }
                }
                return try scanner.finish { shared.isCancelled.load(ordering: .relaxed) }
            }
            shared.result.withLock { $0 = result }
        }
        self.work = work
        isConcurrent = thread.start(work)
    }

    deinit {
        shared.isCancelled.store(true, ordering: .relaxed)
        shared.end.post()
        thread.wait()
    }

    /// Every image has been written; waits for the last digests.
    public func wait() throws { _ = try finish() }

    func finish() throws -> BlockTable {
        shared.isDumped.store(true, ordering: .releasing)
        shared.end.post()
        if isConcurrent { thread.wait() } else { work() }
        guard let result = shared.result.withLock({ $0 }) else { preconditionFailure("its thread has ended") }
        do {
            return try result.get()
        } catch let error as Errno {
            throw Failure("read", "the images", error)
        }
    }
}

private struct Scanner {
    private let folder: FilePath
    private let salt: BlockSalt
    private var digests: [String: [BlockDigest]] = [:]
    private let buffer = Buffer()

    /// Read in pieces that stay in a processor's cache. Bytes.
    private static let pieceSize = 64 * Block.size

    /// Two threads share what is longer. Bytes.
    private static let largePart: UInt64 = 8 << 20

    private final class Buffer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: Block.size)
        deinit { bytes.deallocate() }
    }

    init(_ folder: FilePath, _ salt: BlockSalt) {
        self.folder = folder
        self.salt = salt
    }

    /// Takes what has come to the images of pages, which grow at their ends only; false when nothing has.
    mutating func followPages() throws -> Bool {
        var hasMoved = false
        for name in try Files.list(folder) where name.hasPrefix("pages-") {
            let size = try Files.size(of: folder.appending(name))
            let whole = size / UInt64(Block.size) * UInt64(Block.size)
            // Not all at once: the end of the dump is not to wait for what two can share then.
            let taken = UInt64(digests[name]?.count ?? 0) * UInt64(Block.size)
            if try advance(name, to: min(whole, taken + Self.largePart)) { hasMoved = true }
        }
        return hasMoved
    }

    mutating func finish(_ isCancelled: () -> Bool) throws -> BlockTable {
        var table = BlockTable(salt: salt)
        for name in try Files.list(folder) where !isCancelled() {
            guard try Files.kind(of: folder.appending(name)) == .file else { continue }
            try StreamMember.requireImageName(name)
            let size = try Files.size(of: folder.appending(name))
            try advance(name, to: size)
            table.append(name, size: size, digests: digests.removeValue(forKey: name) ?? [])
        }
        return table
    }

    /// Takes the digests up to `end`: a multiple of a block, or the end of the image.
    @discardableResult
    private mutating func advance(_ name: String, to end: UInt64) throws -> Bool {
        let start = UInt64(digests[name]?.count ?? 0) * UInt64(Block.size)
        guard start < end else { return false }
        let path = folder.appending(name)
        var own = start..<end
        var other: Background<[BlockDigest]>?
        if end - start > Self.largePart {
            let middle = start + Block.count(of: (end - start) / 2) * UInt64(Block.size)
            own = start..<middle
            other = Background { [salt] in try Self.digests(of: path, middle..<end, salt, in: Buffer()) }
        }
        digests[name, default: []] += try Self.digests(of: path, own, salt, in: buffer)
        if let other { digests[name, default: []] += try other.value() }
        return true
    }

    /// Of the blocks in a range that begins with one.
    private static func digests(
        of path: FilePath, _ range: Range<UInt64>, _ salt: BlockSalt, in buffer: Buffer
    ) throws -> [BlockDigest] {
        let file = try Files.openForReading(path)
        var list: [BlockDigest] = []
        list.reserveCapacity(Int(clamping: Block.count(of: UInt64(range.count))))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = Int(min(UInt64(buffer.bytes.count), range.upperBound - offset))
            let number = file.number
            let got = try retrying { pread(number, buffer.bytes.baseAddress, wanted, off_t(offset)) }
            guard got > 0 else { throw Failure(sentence: "\(path.string) has become shorter") }
            // A read may end within a block; the block is read again.
            let usable = offset + UInt64(got) == range.upperBound ? got : got / Block.size * Block.size
            guard usable > 0 else { continue }
            var start = 0
            while start < usable {
                let block = buffer.bytes[start..<min(start + Block.size, usable)]
                list.append(salt.digest(UnsafeRawBufferPointer(rebasing: block)))
                start += Block.size
            }
            offset += UInt64(usable)
        }
        return list
    }
}
