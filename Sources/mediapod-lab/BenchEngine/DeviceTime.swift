internal import Glibc
internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// How long a device needs for a session's bytes, without any engine.
struct DeviceTime {
    let folder: FilePath

    private var file: FilePath { folder.appending("bench-bytes") }

    /// What a device needs for the same in both directions, ms.
    struct Times {
        /// Written and synced.
        var write: Double
        /// Read again.
        var read: Double
    }

    /// As many bytes as those, as they are.
    func plain(_ bytes: UInt64) throws -> Times {
        // Noise: a device may pack zeros.
        let piece = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
        defer { try? Files.remove(file) }
        let write = try time {
            try piece.withUnsafeBytes { piece in
                try attempt("write", file.string) { () throws(Errno) in try fill(with: piece, bytes) }
            }
        }
        try Self.forget(file)
        return Times(write: write, read: try time { _ = try Pipeline.output(of: Command("wc", ["-l", file.string])) })
    }

    private func fill(with piece: UnsafeRawBufferPointer, _ bytes: UInt64) throws(Errno) {
        let target = try Files.openForWriting(file)
        var left = bytes
        while left > 0 {
            let count = Int(min(left, UInt64(piece.count)))
            try Files.writeAll(target, UnsafeRawBufferPointer(rebasing: piece[..<count]))
            left -= UInt64(count)
        }
        try Files.sync(file)
    }

    /// What `tar` and `zstd` need for a folder of images, at our level and with our threads, ms.
    struct ArchiveTimes {
        /// `tar | zstd`, and what it takes to sync that.
        var pack: Double
        var sync: Double
        /// `zstd -d | tar -x` into a folder in memory.
        var unpack: Double
    }

    /// Packs the images to the device and unpacks them again, beside themselves.
    func archive(_ images: FilePath) throws -> ArchiveTimes {
        let target = images.appending("unpacked")
        defer {
            try? Files.remove(file)
            try? Files.removeTree(target)
        }
        let pack = try time {
            try shell("tar -cf - -C '\(images.string)' . | zstd -q -c -T0 -2 > '\(file.string)'")
        }
        let sync = try time { try attempt("sync", file.string) { () throws(Errno) in try Files.sync(file) } }
        try Self.forget(file)
        try attempt("make", target.string) { () throws(Errno) in try Files.ensureFolder(target, mode: 0o700) }
        let unpack = try time { try shell("zstd -q -d -c '\(file.string)' | tar -xf - -C '\(target.string)'") }
        return ArchiveTimes(pack: pack, sync: sync, unpack: unpack)
    }

    /// Has the kernel forget what it has of a synced file in memory: on the next host it has nothing of it.
    static func forget(_ file: FilePath) throws {
        try attempt("open", file.string) { () throws(Errno) in
            let opened = try Files.openForReading(file)
            let error = posix_fadvise(opened.number, 0, 0, POSIX_FADV_DONTNEED)
            if error != 0 { throw Errno(rawValue: error) }
        }
    }

    private func shell(_ command: String) throws { _ = try Pipeline.output(of: Command("sh", ["-c", command])) }

    private func time(_ body: () throws -> Void) rethrows -> Double {
        let begin = MonotonicClock.nanoseconds
        try body()
        return Double(MonotonicClock.nanoseconds - begin) / 1e6
    }
}
