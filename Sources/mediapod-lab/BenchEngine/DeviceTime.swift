internal import LinuxSystem
internal import SoundLab
internal import SystemPackage

/// How long a device needs for so many bytes, without any engine.
struct DeviceTime {
    let folder: FilePath
    let bytes: UInt64

    private var file: FilePath { folder.appending("bench-bytes") }

    /// Written and synced, ms.
    func write() throws -> Double {
        // Noise: a device may pack zeros.
        let piece = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
        let begin = MonotonicClock.nanoseconds
        try piece.withUnsafeBytes { piece in
            try attempt("write", file.string) { () throws(Errno) in try fill(with: piece) }
        }
        return Double(MonotonicClock.nanoseconds - begin) / 1e6
    }

    private func fill(with piece: UnsafeRawBufferPointer) throws(Errno) {
        let target = try Files.openForWriting(file)
        var left = bytes
        while left > 0 {
            let count = Int(min(left, UInt64(piece.count)))
            try Files.writeAll(target, UnsafeRawBufferPointer(rebasing: piece[..<count]))
            left -= UInt64(count)
        }
        try Files.sync(file)
    }

    /// Read again, ms; the file is gone afterwards.
    func read() throws -> Double {
        let begin = MonotonicClock.nanoseconds
        _ = try Pipeline.output(of: Command("wc", ["-l", file.string]))
        let time = Double(MonotonicClock.nanoseconds - begin) / 1e6
        try? Files.remove(file)
        return time
    }

    /// `tar | zstd` of `images` to the device, not synced, at our level and with our threads, ms.
    func archive(_ images: FilePath) throws -> Double {
        let begin = MonotonicClock.nanoseconds
        let command = "tar -cf - -C '\(images.string)' . | zstd -q -c -T0 -2 > '\(file.string)'"
        _ = try Pipeline.output(of: Command("sh", ["-c", command]))
        let time = Double(MonotonicClock.nanoseconds - begin) / 1e6
        try? Files.remove(file)
        return time
    }
}
