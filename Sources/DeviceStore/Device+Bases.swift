internal import FoundationEssentials
internal import LinuxSystem
package import SystemPackage

extension Device {
    /// SHA-256 of the bases there are, sorted.
    public func bases() throws -> [String] {
        let suffix = ".squashfs"
        return try attempt("read", "the bases of device \(place)") { () throws(Errno) in
            try Files.list(basesFolder)
        }
        .filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.map { String($0.dropLast(suffix.count)) }
    }

    /// The base that a person means by its SHA-256, by the first digits of it (six at least), or by a pod that has it.
    public func base(named name: String) throws -> String {
        let bases = try bases()
        if let base = bases.first(where: { $0 == name }) { return base }
        if let pod = try pods().first(where: { $0.name == name }) { return try pod.configuration().base }
        let similar = name.utf8.count >= 6 ? bases.filter { $0.hasPrefix(name) } : []
        if similar.count == 1 { return similar[0] }
        let there = bases.isEmpty ? "there are none yet" : "there are: \(bases.joined(separator: ", "))"
        throw Failure(
            "base \"\(name)\"",
            similar.isEmpty ? "the device has none of that digest, nor a pod of that name" : "several begin so",
            remedy: there)
    }

    /// What the programs of pods that have this base expect, `NAME=value`: the image's or the desktop's that it was made of.
    public func environment(ofBase digest: String) throws -> [String] {
        try pods().lazy.compactMap { try? $0.configuration() }.first { $0.base == digest }?.environment ?? []
    }

    /// Removes the bases that no pod has, nor any session of one; gives their digests and bytes. Throws, and removes none,
    /// when it cannot be told what a pod has.
    public func pruneBases() throws -> [(digest: String, bytes: UInt64)] {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var needed: Set<String> = []
        for pod in try pods() {
            needed.insert(try pod.configuration().base)
            needed.formUnion(try pod.manifestNeeds().values.map(\.base))
        }
        var removed: [(digest: String, bytes: UInt64)] = []
        for digest in try bases() where !needed.contains(digest) {
            let bytes = try baseBytes(digest)
            try attempt("remove", "base \(digest)") { () throws(Errno) in try Files.remove(basePath(digest)) }
            removed.append((digest, bytes))
        }
        return removed
    }

    /// Bytes of a base's squashfs.
    public func baseBytes(_ digest: String) throws -> UInt64 {
        try attempt("read", "base \(digest)") { () throws(Errno) in try Files.size(of: basePath(digest)) }
    }

    /// The SHA-256 that a base's file has now.
    public func digestOfBase(_ name: String, progress: (UInt64) -> Void = { _ in }) throws -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        return try attempt("read", "base \(name)") { () throws(Errno) in
            let file = try Files.openForReading(basePath(name))
            var digest = StreamDigest()
            var count: UInt64 = 0
            while true {
                let got = try Files.read(file, into: buffer)
                if got == 0 { return digest.hexadecimal }
                digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                count += UInt64(got)
                progress(count)
            }
        }
    }

    /// A place in `bases/` to build in; those of builders that have died are removed.
    package func baseStaging() throws -> BaseStaging {
        // Between a new folder and its lock, and while looking for old ones, nobody else may.
        let lock = try lock()
        for name in try attempt(
            "read", "the bases of device \(place)",
            { () throws(Errno) in
                try Files.list(basesFolder)
            }) where name.hasPrefix(BaseStaging.prefix)
        {
            let old = basesFolder.appending(name)
            let free = try attempt("lock", old.string) { () throws(Errno) in try FileLock.take(ifFree: old) }
            if free != nil { try Files.removeTree(old) }
        }
        let folder = basesFolder.appending(BaseStaging.prefix + UUID().uuidString.lowercased())
        let staging = try attempt("make", folder.string) { () throws(Errno) in
            try Files.makeFolder(folder, permissions: .ownerReadWriteExecute)
            return BaseStaging(device: self, folder: folder, lock: try FileLock.take(folder))
        }
        _ = consume lock
        return staging
    }
}

/// A folder on the device in which a base is made; goes with this object, or, when its process is killed, with the
/// next base that is made.
package final class BaseStaging {
    static let prefix = ".staging-"

    package let device: Device
    package let folder: FilePath
    private let lock: FileLock

    init(device: Device, folder: FilePath, lock: consuming FileLock) {
        self.device = device
        self.folder = folder
        self.lock = lock
    }

    deinit {
        try? Files.removeTree(folder)
    }

    /// For programs that work in the folder: as long as one of them lives, it is in use.
    package var lockDescriptor: Int32 { lock.descriptor }

    /// Makes a squashfs from the folder a base of the device, unless it has the same already. Gives its SHA-256.
    package func adopt(_ file: FilePath) throws -> String {
        let digest = try attempt("read", "the new base") { () throws(Errno) in
            let image = try Files.openForReading(file)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
            defer { buffer.deallocate() }
            var digest = StreamDigest()
            while true {
                let got = try Files.read(image, into: buffer)
                if got == 0 { return digest.hexadecimal }
                digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            }
        }
        do {
            try Files.sync(file)
            try Files.move(file, to: device.basePath(digest))
            try Files.syncFolder(device.basesFolder)
        } catch {
            throw Failure.writing("base \(digest)", on: device, error)
        }
        return digest
    }
}
