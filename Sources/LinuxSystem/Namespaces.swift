internal import CLinux
public import SystemPackage

public enum Namespaces {
    /// A user namespace whose ids 0 ..< `count` are `base` ..< `base + count` here, as a map for mounts.
    public static func userMap(base: UInt32, count: UInt32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_user_namespace(base, count)))
    }

    /// Makes this process the parent of orphans among its descendants.
    ///
    /// The corresponding C function is `prctl` with `PR_SET_CHILD_SUBREAPER`.
    public static func becomeSubreaper() throws(Errno) {
        try check(csys_become_subreaper())
    }
}
