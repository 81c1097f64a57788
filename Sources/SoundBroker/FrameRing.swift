internal import LinuxSystem
internal import SoundABI
internal import SystemPackage

/// The broker's view of a stream's ring. The memory is the pod's: nothing in it is believed but after a check,
/// and sizes are the broker's own copies.
final class FrameRing {
    private let memory: SealedMemory
    let frames: UInt64
    let frameBytes: Int
    /// Of memory that it takes.
    var byteCount: Int { memory.byteCount }

    enum Unusable: Error {
        case size
        case memory(Errno)
        case header
    }

    /// Maps the ring of `frames` frames of `frameBytes` bytes.
    init(_ descriptor: borrowing OwnedDescriptor, frames: UInt64, frameBytes: Int) throws(Unusable) {
        let (dataBytes, overflow) = frames.multipliedReportingOverflow(by: UInt64(frameBytes))
        guard !overflow, frames > 0, dataBytes <= UInt64(SOUND_RING_MAX_BYTES) else { throw .size }
        do {
            memory = try SealedMemory(descriptor, byteCount: Int(SOUND_RING_HEADER_BYTES) + Int(dataBytes))
        } catch {
            throw .memory(error)
        }
        self.frames = frames
        self.frameBytes = frameBytes
        guard sound_ring_is_known(OpaquePointer(memory.base)) != 0 else { throw .header }
    }

    // Opaque: Swift does not know types that are aligned to a cache line.
    private var header: OpaquePointer { OpaquePointer(memory.base) }

    /// Positions stay below this, so that no sum of theirs overflows, nor does one in frames of any sink: 11,000 years at
    /// 192 kHz.
    static let endOfTime: UInt64 = 1 << 56

    /// How far the program wrote, or read: any number up to `endOfTime`, and another one each time. RT safe.
    var programPosition: UInt64 { min(sound_ring_appl(header), Self.endOfTime) }

    /// Asks for a KICK when frames come; how far it wrote after asking. RT safe.
    func askForFrames() -> UInt64 { min(sound_ring_set_hungry(header), Self.endOfTime) }

    func stopAsking() { sound_ring_clear_hungry(header) }

    func publish(_ position: sound_position) {
        withUnsafePointer(to: position) { sound_ring_publish_position(header, $0) }
    }

    /// What the last broker published; `nil` when it was killed in the middle of it.
    func published() -> sound_position? {
        var position = sound_position()
        return sound_ring_read_position(header, &position) == 1 ? position : nil
    }

    /// Copies frames out of the ring. `count` is at most `frames`. RT safe.
    func copy(from position: UInt64, count: Int, to target: UnsafeMutableRawPointer) {
        let data = UnsafeRawPointer(memory.base + Int(SOUND_RING_HEADER_BYTES))
        let start = Int(position % frames)
        let first = min(count, Int(frames) - start)
        target.copyMemory(from: data + start * frameBytes, byteCount: first * frameBytes)
        guard count > first else { return }
        (target + first * frameBytes).copyMemory(from: data, byteCount: (count - first) * frameBytes)
    }

    /// Copies frames into the ring. `count` is at most `frames`. RT safe.
    func write(at position: UInt64, count: Int, from source: UnsafeRawPointer) {
        let data = memory.base + Int(SOUND_RING_HEADER_BYTES)
        let start = Int(position % frames)
        let first = min(count, Int(frames) - start)
        (data + start * frameBytes).copyMemory(from: source, byteCount: first * frameBytes)
        guard count > first else { return }
        data.copyMemory(from: source + first * frameBytes, byteCount: (count - first) * frameBytes)
    }
}
