import DisplayABI
import DisplayLab
import Glibc
import LinuxSystem
import SoundLab
import SystemPackage

/// A viewer without a picture: it maps a server's object and uses nothing but the header's own functions.
final class DisplayPeer {
    let object: OpaquePointer
    private let memory: UnsafeMutableRawPointer
    private let descriptor: OwnedDescriptor

    /// The viewer slot it has, with its number; none before `attach`.
    private(set) var slot: UInt32 = 0
    private(set) var owner: UInt32 = 0
    /// What it says of the clipboard: DisplayPeer+Clipboard.
    var clipboard = display_clipboard()
    var wishes: UInt32 = 0

    /// Stays as long as this does.
    private let server: XServer?

    init(_ path: FilePath, of server: XServer? = nil) throws {
        self.server = server
        let opened = open(path.string, O_RDWR | O_CLOEXEC)
        guard opened >= 0 else { throw Failure("open", path.string, Errno(rawValue: errno)) }
        descriptor = OwnedDescriptor(adopting: opened)
        guard let memory = mmap(nil, Int(DISPLAY_OBJECT_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0),
            memory != MAP_FAILED
        else { throw Failure("map", path.string, Errno(rawValue: errno)) }
        self.memory = memory
        object = OpaquePointer(memory)
        guard display_object_is_known(object) != 0 else { throw Failure(path.string, "is not a display") }
    }

    convenience init(_ server: XServer) throws { try self.init(server.object, of: server) }

    deinit { munmap(memory, Int(DISPLAY_OBJECT_BYTES)) }

    // MARK: What the driver shows

    func screen() throws -> display_screen {
        var screen = display_screen()
        try waitUntil("the screen can be read") { display_read_screen(object, &screen, nil) != 0 }
        guard display_screen_is_valid(&screen) != 0 else { throw Failure("the screen's record", "is not valid") }
        return screen
    }

    /// The frame buffer's pixels, 0x00RRGGBB, without what lies between the lines.
    func pixels() throws -> [UInt32] {
        let screen = try screen()
        var pixels: [UInt32] = []
        pixels.reserveCapacity(Int(screen.width * screen.height))
        for y in 0..<Int(screen.height) {
            let line = memory.advanced(by: Int(screen.offset) + y * Int(screen.stride))
                .assumingMemoryBound(to: UInt32.self)
            for x in 0..<Int(screen.width) { pixels.append(line[x] & 0xffffff) }
        }
        return pixels
    }

    /// Copies what lies in the box to where it lies in `copy`, a whole screen.
    func copy(_ box: display_rectangle, of screen: display_screen, into copy: inout [UInt32]) {
        for y in Int(box.y1)..<Int(box.y2) {
            let line = memory.advanced(by: Int(screen.offset) + y * Int(screen.stride))
                .assumingMemoryBound(to: UInt32.self)
            for x in Int(box.x1)..<Int(box.x2) { copy[y * Int(screen.width) + x] = line[x] & 0xffffff }
        }
    }

    /// FNV-1a of pixels, as the tests' programs have it.
    static func hash(_ pixels: [UInt32]) -> String {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for pixel in pixels { hash = (hash ^ UInt64(pixel)) &* 1_099_511_628_211 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Boxes since the last call; `nil` when some were lost.
    func damage(_ position: inout UInt64) -> [display_box]? {
        var boxes = [display_box](repeating: 0, count: Int(DISPLAY_DAMAGE_BOXES))
        let count = display_damage_read(display_damage_of(object), &position, &boxes)
        return count < 0 ? nil : Array(boxes.prefix(Int(count)))
    }

    func cursor() throws -> (shape: display_cursor, pixels: [UInt32]) {
        var shape = display_cursor()
        var pixels = [UInt32](repeating: 0, count: Int(DISPLAY_CURSOR_BYTES / 4))
        let area = UnsafePointer(
            memory.advanced(by: Int(DISPLAY_CURSOR_OFFSET)).assumingMemoryBound(to: UInt32.self))
        try waitUntil("the cursor can be read") { display_read_cursor(object, area, &shape, &pixels) != 0 }
        return (shape, Array(pixels.prefix(Int(shape.width * shape.height))))
    }

    func video(_ port: UInt32) throws -> display_video {
        var video = display_video()
        try waitUntil("the video port can be read") { display_read_video(object, port, &video) != 0 }
        return video
    }

    /// The bytes of the port's frame; `nil` when they are not those of the record.
    func frame(_ port: UInt32, _ video: display_video) -> [UInt8]? {
        var video = video
        guard display_video_is_valid(&video) != 0 else { return nil }
        let at = memory.advanced(by: Int(display_video_offset(port, video.buffer)))
        let bytes = Array(UnsafeRawBufferPointer(start: at, count: Int(video.bytes)))
        return display_buffer_is_intact(object, port, &video) != 0 ? bytes : nil
    }

    /// Memory that the file takes, bytes: holes take none.
    var allocatedBytes: Int {
        var status = stat()
        fstat(descriptor.number, &status)
        return Int(status.st_blocks) * 512
    }

    // MARK: What a viewer says

    private var viewer: OpaquePointer { display_viewer_at(object, slot) }
    var echo: display_echo { display_echo_at(object, slot).pointee }

    /// Bytes of the object, by the file.
    func bytes(at offset: Int, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard pread(descriptor.number, &bytes, count, offset) == count else {
            throw Failure("read", "the object", Errno(rawValue: errno))
        }
        return bytes
    }

    /// Takes the first free slot.
    func attach(flags: UInt32 = 0, refreshMilliHertz: UInt32 = 0) throws {
        let owner = UInt32.random(in: 1...UInt32.max)
        guard
            let slot = (0..<DISPLAY_VIEWERS).first(where: {
                display_viewer_claim(display_viewer_at(object, $0), owner) != 0
            })
        else { throw Failure("attach", "no slot is free") }
        (self.slot, self.owner) = (slot, owner)
        display_store(display_viewer_flags(viewer), flags)
        display_store(display_viewer_refresh(viewer), refreshMilliHertz)
        for port in 0..<DISPLAY_VIDEO_PORTS { display_store(display_viewer_hold(viewer, port), 0) }
        try send(.init(type: UInt16(DISPLAY_EVENT_RELEASE.rawValue), code: 0, value: 0, reserved: 0, x: 0, y: 0))
        try waitUntil("the driver saw the viewer") {
            beat()
            return echo.owner == owner
        }
    }

    func set(flags: UInt32) { display_store(display_viewer_flags(viewer), flags) }

    func beat() {
        guard let heartbeat = display_viewer_heartbeat(viewer) else { return }
        display_store(heartbeat, display_load(heartbeat) &+ 1)
    }

    /// Counts the heartbeat up on a thread of its own until the task is cancelled. By a mapping of its own, which stays.
    func keepBeating() throws -> Task<Void, Never> {
        guard let own = mmap(nil, Int(DISPLAY_CONTROL_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0),
            own != MAP_FAILED
        else { throw Failure("map", "the object", Errno(rawValue: errno)) }
        let address = UInt(bitPattern: own)
        let slot = slot
        return Task.detached {
            let viewer = display_viewer_at(OpaquePointer(bitPattern: address), slot)
            guard let heartbeat = display_viewer_heartbeat(viewer) else { return }
            while !Task.isCancelled {
                display_store(heartbeat, display_load(heartbeat) &+ 1)
                usleep(DISPLAY_HEARTBEAT_MS * 500)
            }
        }
    }

    func leave() {
        display_viewer_release(viewer, owner)
        ring()
    }

    /// Whether the slot is still ours.
    var isAttached: Bool { display_load(display_viewer_owner(viewer)) == owner }

    func ring() { display_ring(display_doorbell(object)) }

    /// Waits for the driver to make room.
    func send(_ event: display_event) throws {
        var event = event
        try waitUntil("there is room for an event") {
            beat()
            return display_input_append(viewer, display_echo_at(object, slot), &event) != 0
        }
        ring()
    }

    func send(_ type: display_event_type, _ code: Int = 0, _ value: Int = 0, x: Int = 0, y: Int = 0) throws {
        try send(
            display_event(
                type: UInt16(type.rawValue), code: UInt16(code), value: UInt16(value), reserved: 0, x: Int32(x),
                y: Int32(y)))
    }

    /// Waits until the driver has read all events.
    func waitUntilTaken() throws {
        let head = display_load(display_viewer_head(viewer))
        try waitUntil("the driver took the events") {
            beat()
            return echo.taken == head
        }
    }

    func hold(_ port: UInt32, _ buffers: UInt32) { display_store(display_viewer_hold(viewer, port), buffers) }

    private var serial: UInt32 = 0

    /// Asks for outputs, each x, y, width, height; returns the driver's answer.
    func layout(_ outputs: [(Int, Int, Int, Int)]) throws -> Errno? {
        serial += 1
        var layout = display_layout()
        (layout.owner, layout.serial, layout.output_count) = (owner, serial, UInt32(outputs.count))
        withUnsafeMutableBytes(of: &layout.outputs) { bytes in
            for (place, wanted) in zip(bytes.bindMemory(to: display_output.self).indices, outputs) {
                var output = display_output()
                (output.x, output.y) = (Int32(wanted.0), Int32(wanted.1))
                (output.width, output.height) = (UInt32(wanted.2), UInt32(wanted.3))
                (output.mm_width, output.mm_height) = (UInt32(wanted.2) / 4 + 1, UInt32(wanted.3) / 4 + 1)
                output.refresh_mhz = 60000
                bytes.bindMemory(to: display_output.self)[place] = output
            }
        }
        display_write_layout(viewer, &layout)
        ring()
        try waitUntil("the driver answered the layout") {
            beat()
            return echo.layout == serial
        }
        return echo.layout_error == 0 ? nil : Errno(rawValue: echo.layout_error)
    }

    /// Pushes a keymap; returns the driver's answer.
    func keymap(_ text: [UInt8]) throws -> Errno? {
        serial += 1
        let offset = off_t(display_keymap_offset(slot))
        guard pwrite(descriptor.number, text, text.count, offset) == text.count else {
            throw Failure("write", "the keymap", Errno(rawValue: errno))
        }
        display_viewer_push_keymap(viewer, owner, serial, UInt32(text.count))
        ring()
        try waitUntil("the driver answered the keymap") {
            beat()
            return echo.keymap == serial
        }
        return echo.keymap_error == 0 ? nil : Errno(rawValue: echo.keymap_error)
    }
}
