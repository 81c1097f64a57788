import LinuxSystem
import SystemPackage
import Testing

import Pod

@Suite struct SpecTests {
    private let folder = RuntimeFolder("/run/mediapod").pod("x")

    private func spec() -> RuntimeSpec {
        PodSpec(
            hostname: "x", uidBase: 100_000, uidCount: 65536, environment: ["A=b"],
            networkHook: ["/bin/true", "_network"]
        )
        .runtimeSpec(folder)
    }

    @Test func everyNamespaceIsThePodsOwn() {
        #expect(
            Set(spec().linux.namespaces.map(\.type)) == ["pid", "mount", "ipc", "uts", "network", "cgroup", "user"])
    }

    @Test func noSystemCallIsBothAllowedAndDenied() {
        let rules = spec().linux.seccomp.syscalls
        let allowed = Set(rules.filter { $0.action == "SCMP_ACT_ALLOW" && $0.args == nil }.flatMap(\.names))
        let denied = Set(rules.filter { $0.action == "SCMP_ACT_ERRNO" }.flatMap(\.names))
        #expect(allowed.isDisjoint(with: denied))
        for name in [
            "bpf", "kexec_load", "init_module", "keyctl", "open_by_handle_at", "perf_event_open", "userfaultfd",
            "mount", "unshare",
        ] {
            #expect(denied.contains(name), "\(name)")
        }
    }

    @Test func capabilitiesThatReachTheHostAreNotThere() {
        let capabilities = Set(spec().process.capabilities.bounding)
        #expect(
            capabilities.isDisjoint(with: [
                "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_MKNOD", "CAP_BPF",
            ]))
    }

    @Test func podsOfTwoRuntimesHaveDifferentNames() {
        #expect(folder.containerID != RuntimeFolder("/run/other").pod("x").containerID)
        #expect(folder.containerID.hasPrefix("x-"))
    }
}
