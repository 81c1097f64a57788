import DisplayABI
import Glibc
import LinuxSystem
import SystemPackage

/// The control part of a display's memory, looked at, and its pixels.
final class ObjectMemory {
    private let file: OwnedDescriptor
    private let memory: UnsafeMutableRawPointer
    private var object: OpaquePointer { OpaquePointer(memory) }

    init(_ path: FilePath) throws {
        let number = open(path.string, O_RDWR | O_CLOEXEC)
        guard number >= 0 else { throw Failure("open", path.string, Errno(rawValue: errno)) }
        file = OwnedDescriptor(adopting: number)
        guard let memory = mmap(nil, Int(DISPLAY_CONTROL_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, number, 0),
            memory != MAP_FAILED
        else { throw Failure("map", path.string, Errno(rawValue: errno)) }
        self.memory = memory
    }

    deinit { munmap(memory, Int(DISPLAY_CONTROL_BYTES)) }

    /// As a driver of before viewers could rest says it.
    func takeAwayRest() {
        let features = memory.advanced(by: 8).assumingMemoryBound(to: UInt64.self)
        features.pointee &= ~UInt64(DISPLAY_FEATURE_REST.rawValue)
    }

    /// Says, as the driver would, that the cursor has these sizes, pixels, whether there is room for it or not.
    func setCursor(width: UInt32, height: UInt32) {
        var shape = display_cursor()
        (shape.width, shape.height, shape.visible) = (width, height, 1)
        cursors += 1
        shape.serial = 1000 + cursors
        display_write_cursor(object, &shape)
        display_ring(display_published(object))
    }
    private var cursors: UInt32 = 0

    /// Viewer slots that are taken.
    var owners: Int {
        (0..<DISPLAY_VIEWERS).count { display_load(display_viewer_owner(display_viewer_at(object, $0))) != 0 }
    }

    /// Those of viewers that rest.
    var resting: Int {
        (0..<DISPLAY_VIEWERS).count {
            let viewer = display_viewer_at(object, $0)
            return display_load(display_viewer_owner(viewer)) != 0
                && display_load(display_viewer_flags(viewer)) & DISPLAY_VIEWER_RESTS.rawValue != 0
        }
    }

    var screen: display_screen? {
        var screen = display_screen()
        var sequence: UInt32 = 0
        return display_read_screen(object, &screen, &sequence) != 0 ? screen : nil
    }

    func pixels(of screen: display_screen) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(screen.bytes))
        guard pread(file.number, &bytes, bytes.count, off_t(screen.offset)) == bytes.count else {
            throw Failure("read", "the pixels", Errno(rawValue: errno))
        }
        return bytes
    }

    func setPixels(_ bytes: [UInt8], of screen: display_screen) throws {
        guard pwrite(file.number, bytes, bytes.count, off_t(screen.offset)) == bytes.count else {
            throw Failure("write", "the pixels", Errno(rawValue: errno))
        }
    }

    /// The first video port's frame; `nil` when no port has shown any.
    var frame: display_video? {
        for port in 0..<DISPLAY_VIDEO_PORTS {
            var video = display_video()
            if display_read_video(object, port, &video) != 0, display_video_is_valid(&video) != 0 { return video }
        }
        return nil
    }
}
