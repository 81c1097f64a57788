internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Takes the digests of all images in a folder, on a thread of its own: from the moment on at which CRIU writes the first,
/// so that hardly any are left to take when it has written the last.
///
/// Memory: 16 bytes for each block of 4096, and what `Scan` says of small images.
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
        let result = Mutex<Result<Scan, any Error>?>(nil)

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

    /// Every image has been written: what is left to take is taken while the caller does something else.
    public func end() {
        guard !shared.isDumped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        shared.end.post()
    }

    func finish() throws -> Scan {
        end()
        if isConcurrent { thread.wait() } else { work() }
        guard let result = shared.result.withLock({ $0 }) else { preconditionFailure("its thread has ended") }
        do {
            return try result.get()
        } catch let error as Errno {
            throw Failure("read", "the images", error)
        }
    }
}

/// What was found.
struct Scan {
    var table: BlockTable
    /// Whole images that are small, by their names: of a hundred processes there are nearly a thousand, and to open each once
    /// more takes longer than to read it. So many bytes of them at most.
    var small: [String: [UInt8]] = [:]

    static let largestSmall: UInt64 = 1 << 16
    static let smallBytes: UInt64 = 16 << 20
}

private struct Scanner {
    private let folder: FilePath
    private let salt: BlockSalt
    private var digests: [String: [BlockDigest]] = [:]

    /// Mapped at once. Bytes.
    private static let mappedSize: UInt64 = 2 << 20
    /// Two threads share what is longer. Bytes.
    private static let largePart: UInt64 = 8 << 20

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

    mutating func finish(_ isCancelled: () -> Bool) throws -> Scan {
        var scan = Scan(table: BlockTable(salt: salt))
        var room = Scan.smallBytes
        for name in try Files.list(folder) where !isCancelled() {
            let path = folder.appending(name)
            guard try Files.kind(of: path) == .file else { continue }
            try StreamMember.requireImageName(name)
            let size = try Files.size(of: path)
            if size <= Scan.largestSmall, size <= room, digests[name] == nil {
                let bytes = try Files.head(of: path, count: Int(size))
                guard bytes.count == size else { throw Failure(sentence: "\(path.string) has become shorter") }
                scan.table.append(name, size: size, digests: bytes.withUnsafeBytes { salt.digests($0) })
                scan.small[name] = bytes
                room -= size
                continue
            }
            try advance(name, to: size)
            scan.table.append(name, size: size, digests: digests.removeValue(forKey: name) ?? [])
        }
        return scan
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
            other = Background { [salt] in try Self.digests(of: path, middle..<end, salt) }
        }
        digests[name, default: []] += try Self.digests(of: path, own, salt)
        if let other { digests[name, default: []] += try other.value() }
        return true
    }

    /// Of the blocks in a range that begins with one. Nothing is copied: of a gigabyte that would take as long as a third of
    /// its digests.
    private static func digests(
        of path: FilePath, _ range: Range<UInt64>, _ salt: BlockSalt
    ) throws -> [BlockDigest] {
        let file = try Files.openForReading(path)
        var list: [BlockDigest] = []
        list.reserveCapacity(Int(clamping: Block.count(of: UInt64(range.count))))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let end = min(offset + mappedSize, range.upperBound)
            let mapped = try MappedFile(file, offset..<end)
            list += salt.digests(mapped.part(0..<mapped.bytes.count))
            offset = end
        }
        return list
    }
}
