internal import DeviceStore
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// A folder of files and overlay layers over it, each written through a mount on those below: by operations that are
/// drawn at random, the same for the same seed, on so few names that they meet.
public final class RandomLayers {
    private let folder: FilePath
    private var random: SampleRandom
    public var base: FilePath { folder.appending("base") }
    private var mountPoint: FilePath { folder.appending("mounted") }

    public init(count: Int, seed: UInt64) throws {
        folder = FilePath("/tmp/mediapod-layers-\(UUID().uuidString)")
        random = SampleRandom(seed: seed)
        for place in [folder, base, mountPoint] { try Files.makeFolder(place, permissions: .init(rawValue: 0o755)) }
        if count > 0 { fill(base.string, depth: 3) }
        for number in stride(from: 1, through: count, by: 1) {
            let upper = try makeLayer(number)
            try Mounts.overlay(
                lower: (1..<number).reversed().map(self.upper) + [base], upper: upper,
                work: folder.appending("work\(number)"), at: mountPoint)
            defer { try? Mounts.detach(mountPoint) }
            for _ in 0..<80 { change(mountPoint) }
        }
    }

    deinit {
        try? Mounts.detach(mountPoint)
        try? Files.removeTree(folder)
    }

    public func upper(_ number: Int) -> FilePath { folder.appending("upper\(number)") }

    public func makeLayer(_ number: Int) throws -> FilePath {
        try Files.makeFolder(folder.appending("work\(number)"), permissions: .ownerReadWriteExecute)
        try Files.makeFolder(upper(number), permissions: .init(rawValue: 0o755))
        return upper(number)
    }

    /// Merges, but for no more than `changes` changes; whether it came to its end.
    public func merge(_ upper: Int, into lower: Int, changes: Int) throws -> Bool {
        struct Cut: Error {}
        let scratch = folder.appending("scratch")
        try Files.removeTree(scratch)
        try Files.makeFolder(scratch, permissions: .ownerReadWriteExecute)
        var done = 0
        do {
            _ = try LayerMerge.run(self.upper(upper), into: self.upper(lower), scratch: scratch) {
                if done == changes { throw Cut() }
                done += 1
            }
            return true
        } catch is Cut {
            return false
        }
    }

    /// All that a program sees of the layers, lowest first, over the base: a line for each name.
    public func view(_ layers: [Int]) throws -> [String] {
        try Mounts.overlay(
            lower: layers.reversed().map(upper) + [base], upper: nil, work: nil, at: mountPoint)
        defer { try? Mounts.detach(mountPoint) }
        return try TreeListing.lines(of: mountPoint, inodes: true)
    }

    /// A layer as it lies there.
    public func plainView(of layer: Int) throws -> [String] { try TreeListing.lines(of: upper(layer), inodes: true) }

    // MARK: - Changes

    private static let names = ["a", "b", "c", "d", "e"]

    private func place(_ root: FilePath) -> String {
        var path = root
        for _ in 0...random.next(below: 3) {
            // Mostly what is there: what is not can only be made.
            let there = random.next(below: 4) > 0 ? (try? Files.list(path)) ?? [] : []
            let names = there.isEmpty ? Self.names : there
            path.append(names[random.next(below: names.count)])
        }
        return path.string
    }

    /// Folders and files enough for all that is going to be removed.
    private func fill(_ path: String, depth: Int) {
        for name in Self.names {
            let place = "\(path)/\(name)"
            if depth > 1, random.next(below: 3) > 0 {
                mkdir(place, 0o755)
                fill(place, depth: depth - 1)
            } else {
                write(place, flags: O_CREAT)
            }
        }
    }

    /// One change; many of them fail, of files that are not there, which is as well.
    private func change(_ root: FilePath) {
        let (one, other) = (place(root), place(root))
        switch random.next(below: 16) {
        case 0, 1, 2: write(one, flags: O_CREAT | O_TRUNC)
        case 3: write(one, flags: O_APPEND)
        case 4, 5: mkdir(one, 0o755)
        case 6: unlink(one)
        case 7: rmdir(one)
        case 8: if isDeep(one) { try? Files.removeTree(FilePath(one)) }
        case 9: rename(one, other)
        case 10: symlink("target-\(random.next(below: 9))", one)
        case 11: link(one, other)
        case 12: lchown(one, 100_000 + UInt32(random.next(below: 3)), 100_000)
        case 13:
            if random.next(below: 2) == 0 {
                chmod(one, UInt32(0o700 + random.next(below: 64)))
            } else {
                mkfifo(one, 0o644)
            }
        case 14:
            try? OpenFolder(FilePath(one)).descriptor.setAttribute("user.test", to: [UInt8(random.next(below: 255))])
        default:
            // A folder anew: overlayfs makes it opaque.
            guard isDeep(one), (try? Files.removeTree(FilePath(one))) != nil, mkdir(one, 0o750) == 0 else { return }
            write(one + "/a", flags: O_CREAT)
        }
    }

    /// Near the root a removal takes so much with it that little would be left to meet; it is rare.
    private func isDeep(_ path: String) -> Bool {
        FilePath(path).components.count > mountPoint.components.count + 1 || random.next(below: 8) == 0
    }

    private func write(_ path: String, flags: Int32) {
        let file = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | flags, 0o644)
        guard file >= 0 else { return }
        defer { close(file) }
        let bytes = sampleBytes(random.next(below: 5000), seed: UInt64(random.next(below: 1000)))
        // Sometimes with a hole.
        if random.next(below: 3) == 0 { lseek(file, 100_000, SEEK_END) }
        _ = Glibc.write(file, bytes, bytes.count)
    }
}

/// Numbers that are the same every time.
public struct SampleRandom {
    private var state: UInt64

    public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    public mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}
