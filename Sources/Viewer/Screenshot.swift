internal import CPNG
internal import DisplayABI
internal import Glibc
public import LinuxSystem
public import SystemPackage

/// A picture of a pod's screen, as its own pixels are.
public struct Screenshot: Sendable {
    public let width: Int
    public let height: Int
    /// Three bytes a pixel, red first.
    let pixels: [UInt8]

    /// How often it is begun anew when the screen is given another size meanwhile.
    private static let tries = 50

    /// Reads the screen; throws when the pod gives no screen that makes sense.
    public init(of object: DisplayObject) throws(Failure) {
        let slot = Self.flatten(object)
        defer { slot?.leave() }
        for _ in 0..<Self.tries {
            if let (screen, sequence) = object.screen(), screen.bytes <= UInt64(Canvas.limit) {
                let pixels = Self.read(screen, from: object)
                if object.screen()?.sequence == sequence, !object.memory.wasCut {
                    (width, height, self.pixels) = (Int(screen.width), Int(screen.height), pixels)
                    return
                }
            }
            usleep(20_000)
        }
        throw Failure("read", "the pod's screen", "its display writes nothing that makes sense")
    }

    /// Video that is handed through lies elsewhere than the screen's pixels: a viewer that cannot show any makes the driver
    /// draw it there, too.
    private static func flatten(_ object: DisplayObject) -> ViewerSlot? {
        guard
            let slot = ViewerSlot(
                object, label: "podview \(getpid()) screenshot", refreshMilliHertz: 0, isFlat: true)
        else { return nil }
        // Seen twice: what the driver did for the first heartbeat is done. A driver that is not there leaves it as it is.
        for _ in 0..<2 {
            let beat = slot.heartbeat
            _ = Wait.until(milliseconds: 500) { slot.echo == beat }
            slot.beat()
            slot.ring()
        }
        return slot
    }

    private static func read(_ screen: display_screen, from object: DisplayObject) -> [UInt8] {
        let (width, height, stride) = (Int(screen.width), Int(screen.height), Int(screen.stride))
        return [UInt8](unsafeUninitializedCapacity: width * height * 3) { pixels, count in
            for y in 0..<height {
                let line = object.memory.start.advanced(by: Int(screen.offset) + y * stride)
                    .assumingMemoryBound(to: UInt32.self)
                let into = y * width * 3
                for x in 0..<width {
                    let pixel = line[x]
                    pixels[into + 3 * x] = UInt8(truncatingIfNeeded: pixel >> 16)
                    pixels[into + 3 * x + 1] = UInt8(truncatingIfNeeded: pixel >> 8)
                    pixels[into + 3 * x + 2] = UInt8(truncatingIfNeeded: pixel)
                }
            }
            count = width * height * 3
        }
    }

    /// Writes it as PNG; a file that was there is replaced in one step.
    public func write(to path: FilePath) throws(Failure) {
        let temporary = path.string + ".new"
        guard let file = fopen(temporary, "we") else {
            throw Failure("write", path.string, Errno(rawValue: errno))
        }
        var reason = [CChar](repeating: 0, count: 64)
        let failed = cpng_write(file, UInt32(width), UInt32(height), pixels, Int32(width * 3), &reason)
        let isClosed = fclose(file) == 0
        guard failed == 0, isClosed, rename(temporary, path.string) == 0 else {
            let error = Errno(rawValue: errno)
            unlink(temporary)
            throw failed == 0
                ? Failure("write", path.string, error)
                : Failure(
                    "write", path.string,
                    String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }
}
