import Pod
import SystemPackage
import Testing

@Suite struct CgroupTests {
    @Test func aHierarchyThatIsMountedTwiceIsLookedForWhereItWasFirst() {
        // As a CRIU of another pod leaves it for an instant.
        let mounts = """
            24 1 0:22 / /sys rw shared:3 - sysfs sysfs rw
            30 24 0:26 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw
            31 24 0:27 / /sys/fs/cgroup/freezer rw shared:10 - cgroup cgroup rw,freezer
            32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
            99 1 0:27 / /tmp/.criu.cgmounts.k3ocWu rw - cgroup none rw,freezer
            """
        let cgroup = Cgroup(path: "/mediapod/p", mounts: mounts)
        #expect(cgroup.freezer == "/sys/fs/cgroup/freezer/mediapod/p")
    }

    @Test func withVersionTwoAloneItFreezes() {
        let cgroup = Cgroup(
            path: "/mediapod/p", mounts: "30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate")
        #expect(cgroup.freezer == "/sys/fs/cgroup/mediapod/p")
    }
}
