package import DisplayABI
internal import Glibc
public import LinuxSystem
internal import SystemPackage

/// The memory that a pod's X server shares with its viewers, as a viewer sees it. Everything in it may be changed, at any
/// time, to anything: what is handed out here are copies that were checked.
public final class DisplayObject: @unchecked Sendable {
    // Unchecked, and safe: the memory is others' to change anyway, and all access to words in it is atomic.
    package let memory: GuardedMemory
    package let file: OwnedDescriptor
    /// Which file it is: another one at the same place is another X server's, or a restored one's.
    package let identity: (device: UInt64, file: UInt64)

    var words: OpaquePointer { OpaquePointer(memory.start) }

    /// Takes an open file, which must be the object of a driver of this version.
    ///
    /// - Parameter subject: for errors: `the display of pod x`.
    public init(_ file: consuming OwnedDescriptor, of subject: String) throws(Failure) {
        var status = stat()
        guard fstat(file.number, &status) == 0 else { throw Failure("look at", subject, Errno(rawValue: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size >= Int64(DISPLAY_CONTROL_BYTES) else {
            throw Failure(subject, "is not a display", remedy: "see whether its X server runs")
        }
        identity = (UInt64(status.st_dev), UInt64(status.st_ino))
        do {
            memory = try GuardedMemory(file, count: Int(DISPLAY_OBJECT_BYTES))
        } catch {
            throw Failure("map", subject, error)
        }
        self.file = file
        guard display_magic(words) == DISPLAY_ABI_MAGIC else {
            throw Failure(subject, "is not a display", remedy: "see whether its X server runs")
        }
        let version = display_version(words)
        guard version == DISPLAY_ABI_VERSION else {
            throw Failure(
                subject, "speaks version \(version) of the display, this podview version \(DISPLAY_ABI_VERSION)",
                remedy: version > DISPLAY_ABI_VERSION ? "use a newer podview" : "use an older podview")
        }
        guard display_object_is_known(words) != 0 else { throw Failure(subject, "is damaged") }
    }

    // MARK: What the driver says

    package var epoch: UInt64 { display_epoch(words) }
    package var isGone: Bool { display_state_of(words) == DISPLAY_STATE_GONE.rawValue || memory.wasCut }
    package var published: UInt32 { display_load(display_published(words)) }
    var leds: UInt32 { display_leds(words) }
    var bells: UInt32 { display_bells(words) }
    var warps: UInt32 { display_warps(words) }
    var pointer: (x: Int, y: Int) { (Int(display_pointer_x(words)), Int(display_pointer_y(words))) }

    /// The screen as it is now; `nil` while it is being changed, or makes no sense. Every pixel of it lies in the memory.
    package func screen() -> (screen: display_screen, sequence: UInt32)? {
        var screen = display_screen()
        var sequence: UInt32 = 0
        guard display_read_screen(words, &screen, &sequence) != 0, display_screen_is_valid(&screen) != 0 else {
            return nil
        }
        return (screen, sequence)
    }

    /// Boxes that changed since `position`, which moves on; `nil` when everything is to be drawn.
    package func damage(since position: inout UInt64, into boxes: inout [display_box]) -> Int? {
        let count = boxes.withUnsafeMutableBufferPointer {
            display_damage_read(display_damage_of(words), &position, $0.baseAddress)
        }
        return count < 0 ? nil : Int(count)
    }

    /// The cursor with its pixels, 0xAARRGGBB premultiplied; `nil` while it is being changed, or makes no sense.
    package func cursor() -> (shape: display_cursor, pixels: [UInt32])? {
        var shape = display_cursor()
        let area = UnsafePointer(
            memory.start.advanced(by: Int(DISPLAY_CURSOR_OFFSET)).assumingMemoryBound(to: UInt32.self))
        guard display_read_cursor(words, area, &shape, nil) != 0 else { return nil }
        var pixels = [UInt32](repeating: 0, count: Int(DISPLAY_CURSOR_BYTES / 4))
        guard display_read_cursor(words, area, &shape, &pixels) != 0 else { return nil }
        return (shape, Array(pixels.prefix(Int(shape.width * shape.height))))
    }

    /// Counts the changes of the cursor's record without reading its pixels.
    package func cursorSerial() -> (serial: UInt32, isVisible: Bool)? {
        var shape = display_cursor()
        guard display_read_cursor(words, nil, &shape, nil) != 0 else { return nil }
        return (shape.serial, shape.visible != 0)
    }

    /// A port's frame and its place, checked; `nil` when there is none.
    func video(_ port: UInt32) -> display_video? {
        var video = display_video()
        guard display_read_video(words, port, &video) != 0, display_video_is_valid(&video) != 0 else { return nil }
        return video
    }

    func isIntact(_ port: UInt32, _ video: display_video) -> Bool {
        var video = video
        return display_buffer_is_intact(words, port, &video) != 0
    }
}

extension DisplayObject {
    /// What the pod's clipboard program says; `nil` while it writes.
    func podClipboard() -> display_clipboard? {
        var clipboard = display_clipboard()
        return display_read_pod_clipboard(words, &clipboard) != 0 ? clipboard : nil
    }

    /// The bytes of its answer; `nil` when they cannot be there.
    func podClipboardData(_ count: UInt32) -> [UInt8]? {
        guard count <= DISPLAY_MAX_CLIPBOARD else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        let got = bytes.withUnsafeMutableBytes {
            pread(file.number, $0.baseAddress, $0.count, off_t(DISPLAY_POD_CLIPBOARD_OFFSET))
        }
        return got == Int(count) ? bytes : nil
    }
}

extension DisplayObject {
    /// Pixels of the screen; `nil` while it is being changed, or makes no sense.
    public var size: (width: Int, height: Int)? {
        screen().map { (Int($0.screen.width), Int($0.screen.height)) }
    }
}
