internal import CX11
internal import DisplayABI
internal import Glibc
internal import LinuxSystem

/// One port of the host's XVideo. It reads frames out of the pod's memory, or copies of them.
final class VideoPort {
    let port: XvPortID
    private let host: HostDisplay
    /// For copies; made when the first is needed.
    private var memory: HostMemory?
    /// Whose frame the image is.
    private var pod: PodSegment?
    private let image: UnsafeMutablePointer<XvImage>
    /// Whether the server reads the image's memory itself.
    private var isAttached = false
    private let format: (fourcc: UInt32, width: UInt32, height: UInt32)

    /// `nil` when the port is another's, or does not take such frames.
    init?(_ host: HostDisplay, port: XvPortID, _ video: display_video) {
        guard XvGrabPort(host.display, port, Time(CurrentTime)) == Success else { return nil }
        guard let fourcc = Self.format(for: video.fourcc, among: Self.formats(host, port)),
            let image = XvShmCreateImage(
                host.display, port, Int32(bitPattern: fourcc), nil, Int32(video.width), Int32(video.height), nil)
        else {
            XvUngrabPort(host.display, port, Time(CurrentTime))
            return nil
        }
        // A server answers with the largest size that it takes.
        guard image.pointee.width >= video.width, image.pointee.height >= video.height,
            Self.planesFit(image.pointee, fourcc)
        else {
            XFree(image)
            XvUngrabPort(host.display, port, Time(CurrentTime))
            return nil
        }
        (self.host, self.port, self.image) = (host, port, image)
        format = (video.fourcc, video.width, video.height)
    }

    deinit {
        XFree(image)
        XvUngrabPort(host.display, port, Time(CurrentTime))
    }

    /// Whether such frames can be loaded here.
    func takes(_ video: display_video) -> Bool {
        format == (video.fourcc, video.width, video.height)
    }

    func stop(_ window: Window) { XvStopVideo(host.display, port, window) }

    /// The FourCCs that a port takes.
    static func formats(_ host: HostDisplay, _ port: XvPortID) -> Set<UInt32> {
        var count: Int32 = 0
        guard let formats = XvListImageFormats(host.display, port, &count) else { return [] }
        defer { XFree(formats) }
        return Set((0..<Int(max(count, 0))).map { UInt32(bitPattern: formats[$0].id) })
    }

    /// The same, or one that its planes can be put into without a change.
    private static func format(for fourcc: UInt32, among known: Set<UInt32>) -> UInt32? {
        let also: [UInt32]
        switch fourcc {
        case DISPLAY_I420: also = [DISPLAY_YV12]
        case DISPLAY_YV12: also = [DISPLAY_I420]
        case DISPLAY_NV12: also = [DISPLAY_I420, DISPLAY_YV12]
        default: also = []
        }
        return ([fourcc] + also).first { known.contains($0) }
    }

    /// Rows, and bytes of a row, of each plane.
    private static func planes(_ fourcc: UInt32, _ width: Int, _ height: Int) -> [(rows: Int, bytes: Int)] {
        switch fourcc {
        case DISPLAY_YUY2: [(height, width * 2)]
        case DISPLAY_NV12: [(height, width), (height / 2, width)]
        default: [(height, width), (height / 2, width / 2), (height / 2, width / 2)]
        }
    }

    private static func planesFit(_ image: XvImage, _ fourcc: UInt32) -> Bool {
        let planes = planes(fourcc, Int(image.width), Int(image.height))
        guard Int(image.num_planes) >= planes.count, image.data_size > 0 else { return false }
        return planes.enumerated().allSatisfy { n, plane in
            let pitch = Int(image.pitches[n])
            let offset = Int(image.offsets[n])
            return pitch >= plane.bytes && offset >= 0 && offset + pitch * plane.rows <= Int(image.data_size)
        }
    }

    /// Has the server read a frame where it is; false where it takes other planes, or cannot.
    func use(_ video: display_video, _ number: UInt32, in pod: PodSegment?) -> Bool {
        guard let pod, UInt32(bitPattern: image.pointee.id) == video.fourcc, image.pointee.width == video.width,
            image.pointee.height == video.height, image.pointee.data_size <= DISPLAY_VIDEO_BUFFER_BYTES
        else { return false }
        let pitches = [video.pitches.0, video.pitches.1, video.pitches.2]
        let offsets = [video.offsets.0, video.offsets.1, video.offsets.2]
        for n in 0..<Int(min(video.planes, 3)) {
            guard Int64(image.pointee.pitches[n]) == Int64(pitches[n]),
                Int64(image.pointee.offsets[n]) == Int64(offsets[n])
            else { return false }
        }
        self.pod = pod
        set(pod.object.memory.start.advanced(by: Int(display_video_offset(number, video.buffer))), pod.segment)
        return true
    }

    private func set(_ start: UnsafeMutableRawPointer, _ segment: HostSegment?) {
        image.pointee.data = start.assumingMemoryBound(to: CChar.self)
        image.pointee.obdata = segment?.forXlib
        isAttached = segment != nil
    }

    /// Copies a frame out of the pod's memory; false when it was overwritten meanwhile, or there is no memory.
    func load(_ video: display_video, _ number: UInt32, from object: DisplayObject) -> Bool {
        if memory == nil { memory = try? HostMemory(host, count: Int(image.pointee.data_size)) }
        guard let memory else { return false }
        pod = nil
        set(memory.start, memory.segment)
        let frame = object.memory.start.advanced(by: Int(display_video_offset(number, video.buffer)))
        let (width, height) = (Int(video.width), Int(video.height))
        let target = UInt32(bitPattern: image.pointee.id)
        let pitches = [video.pitches.0, video.pitches.1, video.pitches.2].map(Int.init)
        let offsets = [video.offsets.0, video.offsets.1, video.offsets.2].map(Int.init)
        let planes = Self.planes(video.fourcc, width, height)
        if target == video.fourcc {
            for n in planes.indices {
                copy(planes[n], from: frame + offsets[n], pitches[n], to: n, of: memory)
            }
        } else if video.fourcc == DISPLAY_NV12 {
            copy(planes[0], from: frame + offsets[0], pitches[0], to: 0, of: memory)
            let (u, v) = target == DISPLAY_I420 ? (1, 2) : (2, 1)
            separate(frame + offsets[1], pitches[1], rows: height / 2, pairs: width / 2, u, v, of: memory)
        } else {
            // I420 and YV12 have their last two planes the other way round.
            copy(planes[0], from: frame + offsets[0], pitches[0], to: 0, of: memory)
            copy(planes[1], from: frame + offsets[1], pitches[1], to: 2, of: memory)
            copy(planes[2], from: frame + offsets[2], pitches[2], to: 1, of: memory)
        }
        return object.isIntact(number, video)
    }

    private func copy(
        _ plane: (rows: Int, bytes: Int), from: UnsafeMutableRawPointer, _ pitch: Int, to n: Int, of memory: HostMemory
    ) {
        let into = memory.start.advanced(by: Int(image.pointee.offsets[n]))
        let ours = Int(image.pointee.pitches[n])
        if ours == pitch {
            memcpy(into, from, pitch * (plane.rows - 1) + plane.bytes)
            return
        }
        for y in 0..<plane.rows { memcpy(into + y * ours, from + y * pitch, plane.bytes) }
    }

    private func separate(
        _ from: UnsafeMutableRawPointer, _ pitch: Int, rows: Int, pairs: Int, _ u: Int, _ v: Int, of memory: HostMemory
    ) {
        let (us, vs) = (Int(image.pointee.pitches[u]), Int(image.pointee.pitches[v]))
        for y in 0..<rows {
            let line = (from + y * pitch).assumingMemoryBound(to: UInt8.self)
            let lineU = (memory.start + Int(image.pointee.offsets[u]) + y * us).assumingMemoryBound(to: UInt8.self)
            let lineV = (memory.start + Int(image.pointee.offsets[v]) + y * vs).assumingMemoryBound(to: UInt8.self)
            for x in 0..<pairs {
                lineU[x] = line[2 * x]
                lineV[x] = line[2 * x + 1]
            }
        }
    }

    /// Shows what was last used or loaded; true when the server will say that it has read it.
    func put(_ video: display_video, to window: Window, _ gc: GC, _ target: Box) -> Bool {
        let most = Int(Int16.max)
        guard abs(target.x1) <= most, abs(target.y1) <= most, target.width <= 2 * most, target.height <= 2 * most else {
            return false
        }
        let source = (
            Int32(video.source_x), Int32(video.source_y), UInt32(video.source_width), UInt32(video.source_height)
        )
        if isAttached {
            XvShmPutImage(
                host.display, port, window, gc, image, source.0, source.1, source.2, source.3, Int32(target.x1),
                Int32(target.y1), UInt32(target.width), UInt32(target.height), True)
            return true
        }
        XvPutImage(
            host.display, port, window, gc, image, source.0, source.1, source.2, source.3, Int32(target.x1),
            Int32(target.y1), UInt32(target.width), UInt32(target.height))
        return false
    }
}
