internal import CLinux

/// What root may be without (capabilities(7)): in containers, and where a service manager has taken it away.
public enum Capability: Int32, Sendable {
    /// Growing a file system that is mounted, for one.
    case systemResources = 24

    /// Whether this process may use it.
    public var isHeld: Bool { csys_has_capability(rawValue) != 0 }
}
