internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// A device on a file system that cannot hold Unix's owners and attributes (FAT, exFAT, NTFS): all of it in one file, an
/// ext4.
///
/// Where files can have holes the image is as large as what is free, and takes only what is in it. FAT and exFAT have no
/// holes: there it begins smaller and grows when it fills up, up to the largest file that the file system holds (FAT: 4
/// GiB).
package struct DeviceImage: Sendable, Equatable {
    package static let name: FilePath.Component = "mediapod.ext4"

    /// Absolute, without links.
    package let file: FilePath

    private var folder: FilePath { file.removingLastComponent() }

    /// Bytes. A base and a session are hardly smaller.
    private static let smallest: UInt64 = 64 << 20
    /// Bytes that are left to what else is on the file system.
    private static let reserve: UInt64 = 16 << 20
    private static let block: UInt64 = 4096

    // MARK: - Using it

    /// Mounts it on this host, unless it is.
    ///
    /// - Parameter id: the device's.
    package func mount(id: String, in runtime: FilePath) throws -> FilePath {
        try DeviceMounts.hold("image-\(id)", in: runtime) { place in
            // Another runtime of this host may be at the same.
            let lock = try attempt("lock", file.string) { () throws(Errno) in try FileLock.take(file) }
            let loop = try attempt("open", file.string) { () throws(Errno) in try LoopDevice(of: file) }
            do throws(Mounts.Problem) {
                try Mounts.ext4(loop.path, at: place)
            } catch {
                throw Failure(
                    "mount", file.string, "\(error)", remedy: "see whether it is damaged with: e2fsck -f \(file)",
                    cause: error.error)
            }
            _ = consume lock
        }
    }

    /// Bytes that can be written to its mount at `root`: where it has holes, also what it lies on has to have them.
    package func freeBytes(root: FilePath) throws(Errno) -> UInt64 {
        let inside = try Files.freeBytes(at: root)
        return try hasHoles() ? min(inside, Files.freeBytes(at: folder)) : inside
    }

    /// Grows it, as far as there is room, when fewer bytes than these are free in it.
    ///
    /// - Parameter progress: bytes done, and all.
    package func makeRoom(_ bytes: UInt64, root: FilePath, progress: (UInt64, UInt64) -> Void) throws {
        let free = try attempt("read", file.string) { () throws(Errno) in try Files.freeBytes(at: root) }
        guard free < bytes, let source = MountTable.source(at: root) else { return }
        if let obstacle = Self.obstacleToGrowth { throw Failure("grow", file.string, obstacle) }
        let lock = try attempt("lock", file.string) { () throws(Errno) in try FileLock.take(file) }
        let size = try attempt("read", file.string) { () throws(Errno) in try Files.size(of: file) }
        // ext4's own share, and not a little every time.
        let step = max(bytes - free + bytes / 8, size / 4)
        let (wanted, overflow) = size.addingReportingOverflow(step)
        guard !overflow else { return }
        // Also when it is no longer now: a command that was killed may have made only the file longer.
        _ = try extend(to: wanted, progress: progress)
        try attempt("grow", source.string) { () throws(Errno) in try LoopDevice.refresh(source) }
        _ = try Pipeline.output(of: Command("resize2fs", [source.string]))
        _ = consume lock
    }

    /// Why it cannot become larger on this host; `nil` when it can. While it is not mounted it could, but a host that
    /// crashed meanwhile would have cost all sessions.
    static var obstacleToGrowth: String? {
        Capability.systemResources.isHeld ? nil : "root lacks CAP_SYS_RESOURCE here, which growing a mounted ext4 takes"
    }

    // MARK: - Making it

    /// Makes one that is mounted nowhere yet; `prepare` makes of it, at the place it is given, what it is to be. It is
    /// there whole, or not at all.
    ///
    /// - Parameters:
    ///   - bytes: its size; without, what seems best.
    static func create(
        in folder: FilePath, bytes: UInt64?, id: String, runtime: FilePath, progress: (UInt64, UInt64) -> Void,
        prepare: (FilePath) throws -> Void
    ) throws {
        try Command.require(["mkfs.ext4", "resize2fs"], to: "make an image")
        let new = DeviceImage(file: folder.appending(".\(name.string).new"))
        do {
            try? Files.remove(new.file)
            try attempt("make", new.file.string) { () throws(Errno) in
                try Files.write(new.file, [], permissions: .ownerReadWrite)
            }
            let size = try new.extend(to: try bytes ?? new.bestSize(), progress: progress)
            guard size >= smallest else {
                throw Failure(
                    "make", "a device of \(folder)",
                    "there is room for \(byteText(size)), and an image of less than \(byteText(smallest)) is of no use",
                    remedy: "free some space there")
            }
            // Of a file system that others may have mounted too ext4 sees to it that only one does (mmp).
            let shared = FileSystemProbe.isShared(folder) ? ["-O", "mmp"] : []
            _ = try Pipeline.output(
                of: Command(
                    "mkfs.ext4",
                    ["-q", "-F", "-m", "0", "-L", "mediapod", "-E", "nodiscard"] + shared + [new.file.string]))
            try prepare(try new.mount(id: "new-\(id)", in: runtime))
            DeviceMounts.release("image-new-\(id)", in: runtime)
            try attempt("make", new.file.string) { () throws(Errno) in
                try Files.sync(new.file)
                try Files.move(new.file, to: folder.appending(name))
                try Files.syncFolder(folder)
            }
        } catch {
            DeviceMounts.release("image-new-\(id)", in: runtime)
            try? Files.remove(new.file)
            throw error
        }
    }

    /// With holes, all that is free; else half of it, and at least a gigabyte.
    private func bestSize() throws -> UInt64 {
        let (free, holes) = try attempt("read", folder.string) { () throws(Errno) in
            (try Files.freeBytes(at: folder), try canHaveHoles())
        }
        return holes ? free : max(free / 2, min(free, 1 << 30))
    }

    // MARK: - Its length

    /// Makes it longer, up to `wanted` bytes or as long as it can be; gives its length.
    private func extend(to wanted: UInt64, progress: (UInt64, UInt64) -> Void) throws -> UInt64 {
        // A limit on the size of files is to be an error, not this program's end.
        signal(SIGXFSZ, SIG_IGN)
        return try attempt("grow", file.string) { () throws(Errno) in
            let size = try Files.size(of: file)
            let room = try Files.freeBytes(at: folder)
            let (top, overflow) = size.addingReportingOverflow(room > Self.reserve ? room - Self.reserve : 0)
            let target = min(wanted, overflow ? wanted : top) / Self.block * Self.block
            guard target > size else { return size }
            let result = try canHaveHoles() ? stretch(from: size, to: target) : fill(from: size, to: target, progress)
            try Files.sync(file)
            return result
        }
    }

    private func stretch(from size: UInt64, to target: UInt64) throws(Errno) -> UInt64 {
        var (good, bad) = (size, target + Self.block)
        // The largest that the file system takes, most often at the first try.
        var next = target
        while bad - good > Self.block {
            do throws(Errno) {
                try retrying { truncate(file.string, off_t(next)) }
                good = next
            } catch {
                guard error == .fileTooLarge else { throw error }
                bad = next
            }
            next = (good + (bad - good) / 2) / Self.block * Self.block
        }
        try retrying { truncate(file.string, off_t(good)) }
        return good
    }

    /// By zeroes: what a file without holes is made of in any case.
    private func fill(from size: UInt64, to target: UInt64, _ progress: (UInt64, UInt64) -> Void) throws(Errno)
        -> UInt64
    {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { chunk.deallocate() }
        chunk.initializeMemory(as: UInt8.self, repeating: 0)
        let output = OwnedDescriptor(adopting: try retrying { open(file.string, O_WRONLY | O_CLOEXEC) })
        var length = size
        while length < target {
            let count = Int(min(UInt64(chunk.count), target - length))
            do throws(Errno) {
                length += UInt64(try retrying { pwrite(output.number, chunk.baseAddress, count, off_t(length)) })
            } catch {
                guard error == .fileTooLarge || error == .noSpace else { throw error }
                break
            }
            progress(length - size, target - size)
        }
        let whole = length / Self.block * Self.block
        try retrying { ftruncate(output.number, off_t(whole)) }
        return whole
    }

    private func hasHoles() throws(Errno) -> Bool {
        var status = stat()
        try retrying { stat(file.string, &status) }
        return UInt64(clamping: status.st_blocks) * 512 < UInt64(clamping: status.st_size)
    }

    /// Found out by making one.
    private func canHaveHoles() throws(Errno) -> Bool {
        let probe = folder.appending(".\(Self.name.string).probe")
        defer { unlink(probe.string) }
        try Files.write(probe, [], permissions: .ownerReadWrite)
        let bytes: off_t = 4 << 20
        do throws(Errno) {
            try retrying { truncate(probe.string, bytes) }
        } catch {
            return false
        }
        var status = stat()
        try retrying { stat(probe.string, &status) }
        return status.st_size == bytes && Int64(status.st_blocks) * 512 < Int64(bytes)
    }
}
