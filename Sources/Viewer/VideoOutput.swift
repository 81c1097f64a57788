internal import CX11
internal import DisplayABI
internal import LinuxSystem

/// The pod's video ports on the host's XVideo: frames go on as they came, in YUV.
final class VideoOutput {
    private let host: HostDisplay
    private let pod: PodAttachment
    private let window: Window
    private let gc: GC
    /// Those of the host's that nobody uses yet.
    private var free: [XvPortID]
    private var ports: [UInt32: Port] = [:]
    private var isFlat = false

    private final class Port {
        let output: VideoPort
        var video: display_video
        /// On the window; what of it can be seen.
        var target = Box(0, 0, 0, 0)
        var visible: [Box] = []
        /// The frame that was copied last; 0 when none was, or others were shown since.
        var copiedFrame: UInt64 = 0
        /// The pod's buffers that the server may be reading: bits.
        var held: UInt32 = 0
        var isDue = true

        init(_ output: VideoPort, _ video: display_video) { (self.output, self.video) = (output, video) }
    }

    /// `nil` when the host's server has no XVideo.
    init?(_ host: HostDisplay, _ pod: PodAttachment, window: Window) {
        self.host = host
        self.pod = pod
        self.window = window
        free = Self.ports(of: host)
        guard !free.isEmpty else { return nil }
        gc = XCreateGC(host.display, window, 0, nil)
    }

    deinit { XFreeGC(host.display, gc) }

    /// All that show frames of YUV out of memory, whoever uses them.
    static func ports(of host: HostDisplay) -> [XvPortID] {
        var version: UInt32 = 0
        var release: UInt32 = 0
        var request: UInt32 = 0
        var event: UInt32 = 0
        var error: UInt32 = 0
        guard XvQueryExtension(host.display, &version, &release, &request, &event, &error) == Success else { return [] }
        var count: UInt32 = 0
        var adaptors: UnsafeMutablePointer<XvAdaptorInfo>?
        guard XvQueryAdaptors(host.display, host.root, &count, &adaptors) == Success, let adaptors else { return [] }
        defer { XvFreeAdaptorInfo(adaptors) }
        let wanted = Int32(XvInputMask | XvImageMask)
        var ports: [XvPortID] = []
        for n in 0..<Int(count) where Int32(adaptors[n].type) & wanted == wanted {
            ports += (0..<min(adaptors[n].num_ports, 64)).map { adaptors[n].base_id + $0 }
        }
        return ports
    }

    // MARK: Every round: first `update`, then the canvas, then `show`

    /// Reads what the ports show, and where; the canvas leaves out what they cover.
    func update(from object: DisplayObject, _ slot: ViewerSlot, _ canvas: Canvas) {
        guard !isFlat else { return }
        var uncovered: [Box] = []
        var hasMoved = false
        for number in 0..<DISPLAY_VIDEO_PORTS {
            let video = object.video(number).flatMap { $0.flags & DISPLAY_VIDEO_SHOWN != 0 ? $0 : nil }
            guard let video else {
                if let port = ports.removeValue(forKey: number) {
                    uncovered.append(contentsOf: port.visible)
                    port.output.stop(window)
                    free.append(port.output.port)
                    slot.hold(0, of: number)
                    hasMoved = true
                }
                continue
            }
            guard let port = port(number, video) else {
                flatten(slot, canvas)
                return
            }
            if video.frame != port.video.frame { port.isDue = true }
            if video.placement != port.video.placement || port.target.isEmpty {
                uncovered.append(contentsOf: port.visible)
                port.target = Box(0, 0, 0, 0)
                hasMoved = true
            }
            port.video = video
        }
        if hasMoved || needsPlace { place(canvas, uncovered) }
    }

    private var needsPlace = false

    /// The window or the screen has another size: everything is drawn anew.
    func placementChanged() {
        needsPlace = true
        for port in ports.values { port.isDue = true }
    }

    func exposed() { for port in ports.values { port.isDue = true } }

    private func port(_ number: UInt32, _ video: display_video) -> Port? {
        if let port = ports[number] {
            if port.output.takes(video) { return port }
            port.output.stop(window)
            free.append(port.output.port)
            ports[number] = nil
        }
        while let candidate = free.popLast() {
            guard let output = VideoPort(host, port: candidate, video) else { continue }
            let port = Port(output, video)
            ports[number] = port
            return port
        }
        return nil
    }

    /// What the host cannot show, the pod's server draws into the screen.
    private func flatten(_ slot: ViewerSlot, _ canvas: Canvas) {
        isFlat = true
        for (number, port) in ports {
            port.output.stop(window)
            slot.hold(0, of: number)
        }
        ports = [:]
        slot.setFlat(true)
        canvas.covered = nil
        canvas.redrawAll()
    }

    /// A slot that is attached anew.
    func attached(_ slot: ViewerSlot) {
        if isFlat { slot.setFlat(true) }
    }

    private func place(_ canvas: Canvas, _ uncovered: [Box]) {
        guard let placement = canvas.placement else { return }
        needsPlace = false
        let covered = PixelRegion()
        for port in ports.values {
            port.target = placement.exactly(Box(port.video.target))
            let screen = canvas.screenSize ?? (0, 0)
            let count = Int(port.video.clip_count)
            port.visible = withUnsafeBytes(of: port.video.clip) { bytes in
                bytes.bindMemory(to: display_box.self).prefix(count).map {
                    placement.exactly(Box(display_box_on($0, UInt32(screen.width), UInt32(screen.height))))
                        .intersection(port.target)
                }
            }.filter { !$0.isEmpty }
            for box in port.visible { covered.add(box) }
            port.isDue = true
        }
        canvas.covered = ports.isEmpty ? nil : covered
        for box in uncovered { canvas.redraw(box) }
    }

    /// Shows the frames that are due.
    func show(from object: DisplayObject, _ slot: ViewerSlot, _ canvas: Canvas) {
        if needsPlace { place(canvas, []) }
        for (number, port) in ports where port.isDue && !port.visible.isEmpty {
            port.isDue = false
            if port.output.use(port.video, number, in: pod.segment(of: object)) {
                // The one before was read when this one is put; what is paused may be drawn again.
                slot.hold(port.held | 1 << port.video.buffer, of: number)
                port.held = 1 << port.video.buffer
                port.copiedFrame = 0
            } else if port.video.frame != port.copiedFrame {
                // One that was overwritten is followed by another: then there are news.
                guard port.output.load(port.video, number, from: object) else { continue }
                slot.hold(0, of: number)
                port.copiedFrame = port.video.frame
            }
            XSetRegion(host.display, gc, PixelRegion(port.visible).region)
            if port.output.put(port.video, to: window, gc, port.target) { host.pending.added(tells: true) }
        }
    }
}
