internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Where in a recording that still grows there is sound; each frame is looked at once.
struct SoundExtent {
    /// The first and the last frame that are not digital silence.
    private(set) var first: Int?
    private(set) var last: Int?
    /// Frames looked at.
    private(set) var count = 0

    /// Looks at what was recorded since the last time.
    mutating func follow(_ file: FilePath) throws {
        let descriptor = try attempt("read", file.string) { () throws(Errno) in
            OwnedDescriptor(adopting: try retrying { open(file.string, O_RDONLY | O_CLOEXEC) })
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let offset = off_t(count * 4)
            let bytes = try attempt("read", file.string) { () throws(Errno) in
                try retrying { pread(descriptor.number, &buffer, buffer.count, offset) }
            }
            let frames = Frames.unpack(Array(buffer[..<bytes]))
            if frames.isEmpty { return }
            if let index = frames.lastIndex(where: { $0 != 0 }) {
                last = count + index
                if first == nil { first = frames.firstIndex { $0 != 0 }.map { count + $0 } }
            }
            count += frames.count
        }
    }
}
