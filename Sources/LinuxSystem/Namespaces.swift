internal import CLinux
public import SystemPackage

public enum Namespaces {
    /// A user namespace whose ids 0 ..< `count` are `base` ..< `base + count` here, as a map for mounts.
    public static func userMap(base: UInt32, count: UInt32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try check(csys_user_namespace(base, count)))
    }

    /// Brings the loopback up in the network namespace of `processID`, and allows low ports and ping there.
    public static func prepareNetwork(of processID: Int32) throws(Errno) {
        try check(csys_prepare_network(processID))
    }

    /// Makes this process the parent of orphans among its descendants.
    ///
    /// The corresponding C function is `prctl` with `PR_SET_CHILD_SUBREAPER`.
    public static func becomeSubreaper() throws(Errno) {
        try check(csys_become_subreaper())
    }
}
