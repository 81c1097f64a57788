import LinuxSystem
import SoundLab
import SystemPackage

/// The root file system of the pod with a process of every kind: the tests' own, with those programs, and what they change
/// and delete of a base.
enum KindTree {
    static let kinds = [
        "blocked", "clocks", "deleted", "epoll", "eventfd", "fifos", "files", "inotify", "locks", "mapped_files",
        "mappings", "memfd", "message_queues", "netlink", "pidfd", "pipes", "posix_queues", "processes", "raw",
        "sandbox", "semaphores", "shm", "signalfd", "signals", "tcp", "terminals", "threads", "timerfd", "timers",
        "udp", "unix_dgram", "unix_rights", "unix_seqpacket", "unix_stream", "users",
    ]

    static let folder: Result<FilePath, any Error> = Result {
        let programs = LabBroker.repository.appending("build/lab/kinds")
        let tree = LabBroker.repository.appending("build/lab/kind-tree")
        let source = LabBroker.repository.appending("Tests/SessionTests/Programs/kinds")
        _ = try Pipeline.output(of: Command("make", ["-s", "-j2", "-C", source.string, "OUT=\(programs.string)"]))
        try? Files.removeTree(tree)
        let script = """
            cp -a "$1" "$2"
            cp "$3"/* "$2/usr/bin/"
            for name in base changed replaced unlinked early; do head -c 16384 "$3/threads" > "$2/usr/bin/kinds.$name"; done
            head -c 4000 "$3/threads" > "$2/usr/bin/kinds.deleted"
            """
        _ = try Pipeline.output(
            of: Command(
                "sh", ["-euc", script, "sh", try TestTree.folder.get().string, tree.string, programs.string]))
        return tree
    }
}
