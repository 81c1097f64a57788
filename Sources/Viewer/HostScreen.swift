internal import DisplayABI

/// What the host's X server has for a viewer.
public struct HostScreen: Sendable {
    /// As DISPLAY names it.
    public var name: String
    /// Pixels.
    public var width: Int
    public var height: Int
    /// Of the first monitor that says, thousandths of a Hz; `nil` when none does.
    public var refreshMilliHertz: UInt32?
    /// Whether it reads pixels where they lie (MIT-SHM 1.2, on this machine); else all of them go through its socket.
    public var hasSharedMemory: Bool
    /// The layouts of YUV that its XVideo takes, of those that pods show; none without XVideo.
    public var videoFormats: [String]

    /// The version of the displays that this viewer shows; it shows older ones, too.
    public static var newestVersion: UInt32 { DISPLAY_ABI_VERSION }

    /// Connects to the X server that DISPLAY names, as a window would.
    public init() throws {
        let host = try HostDisplay()
        name = host.name
        (width, height) = host.size
        let refresh = host.refreshMilliHertz
        refreshMilliHertz = refresh > 0 ? refresh : nil
        // Told by trying: a server on another machine has it as well.
        hasSharedMemory = try HostMemory(host, count: 1 << 12).segment != nil
        let known = VideoOutput.ports(of: host).reduce(into: Set<UInt32>()) { all, port in
            all.formUnion(VideoPort.formats(host, port))
        }
        videoFormats = [
            ("I420", DISPLAY_I420), ("YV12", DISPLAY_YV12), ("NV12", DISPLAY_NV12), ("YUY2", DISPLAY_YUY2),
        ].filter { known.contains($0.1) }.map(\.0)
    }
}
