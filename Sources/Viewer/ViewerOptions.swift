public import LinuxSystem

/// How a pod's screen is shown.
public struct ViewerOptions: Sendable {
    /// The pod, as people call it.
    public var name: String
    public var scaling = Scaling.follow
    public var isFullScreen = false
    public var hasBar = true
    public var hasClipboard = true
    public var hasVideo = true
    /// What suspends the pod when the window is closed; `nil`: closing leaves it running.
    public var suspend: Command?

    public init(name: String) { self.name = name }
}

/// Where a pod's screen is found, again and again: a server that was started anew has another object.
public struct DisplaySource {
    /// Opens what is there now.
    public var open: () throws -> DisplayObject
    /// Whether the pod itself is no longer there.
    public var hasEnded: () -> Bool
    /// How its sound is, in a few words for the line under the picture; `nil` while not known. Called several times a second,
    /// and must not wait.
    public var sound: () -> String?

    public init(
        open: @escaping () throws -> DisplayObject, hasEnded: @escaping () -> Bool,
        sound: @escaping () -> String? = { nil }
    ) {
        (self.open, self.hasEnded, self.sound) = (open, hasEnded, sound)
    }
}

/// How a viewer ended.
public enum ViewerEnd: Sendable, Equatable {
    /// The pod runs on.
    case detached
    /// Suspended by us: the device can be taken out.
    case suspended
    /// Somebody else suspended or stopped it.
    case podEnded
}
