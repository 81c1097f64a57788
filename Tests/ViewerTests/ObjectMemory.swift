import DisplayABI
import Glibc
import LinuxSystem
import SystemPackage

/// The control part of a display's memory, looked at.
final class ObjectMemory {
    private let memory: UnsafeMutableRawPointer
    private var object: OpaquePointer { OpaquePointer(memory) }

    init(_ path: FilePath) throws {
        let file = open(path.string, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw Failure("open", path.string, Errno(rawValue: errno)) }
        defer { close(file) }
        guard let memory = mmap(nil, Int(DISPLAY_CONTROL_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
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

    /// The first video port's frame; `nil` when no port has shown any.
    var frame: display_video? {
        for port in 0..<DISPLAY_VIDEO_PORTS {
            var video = display_video()
            if display_read_video(object, port, &video) != 0, display_video_is_valid(&video) != 0 { return video }
        }
        return nil
    }
}
