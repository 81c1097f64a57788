import Glibc
import LinuxSystem
import Pod
import Session
import SystemPackage
import Testing

extension TestHost {
    /// As when its power goes: all of the pod at once, and the runtime folder with it.
    func crash() throws {
        let folder = RuntimeFolder(runtime).pod(TestHosts.pod)
        let state = try #require(try PodRuntime.readState(folder))
        let network = UserNetwork.process(in: folder)
        for process in [state.supervisor, state.broker, network, state.initProcess] { process?.signal(SIGKILL) }
        let cgroup = Cgroup(path: folder.cgroupPath)
        #expect(cgroup.killAll())
        cgroup.remove()
        try PodFileSystem.unmount(in: folder)
        for memory in [folder.images, folder.blocks] { try Mounts.detach(memory) }
        try Files.removeTree(runtime)
    }
}
