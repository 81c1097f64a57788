internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// What the kernel has told netlink(7) sockets of a pod about interfaces, addresses, neighbours and devices, and nobody
/// has read: CRIU does not dump a socket with something in it, and a stopped program, or one that is busy with something
/// else, never reads. It is dropped, as the kernel itself drops it when the socket's buffer is full; on the next host
/// there are other neighbours anyway, and the interface has the same address. An answer to the program's own question is
/// left alone: somebody waits for it.
enum NetlinkNews {
    /// - Parameter processes: as this host numbers them, and frozen.
    static func drop(unreadBy processes: [Int32]) {
        var unread: [UInt64: Set<UInt64>] = [:]
        for process in processes {
            // Programs make network namespaces of their own, for what they do not trust.
            var status = stat()
            guard stat("/proc/\(process)/ns/net", &status) == 0 else { continue }
            let namespace = UInt64(status.st_ino)
            if unread[namespace] == nil { unread[namespace] = sockets(seenBy: process) }
            guard let sockets = unread[namespace], !sockets.isEmpty else { continue }
            drop(of: process, in: sockets)
        }
    }

    /// Those with something in them, by inode.
    private static func sockets(seenBy process: Int32) -> Set<UInt64> {
        unread(in: (try? Files.text(FilePath("/proc/\(process)/net/netlink"), limit: 1 << 22)) ?? "")
    }

    /// "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode", the bytes in the receive buffer as the fifth.
    static func unread(in table: String) -> Set<UInt64> {
        Set(
            table.split(separator: "\n").dropFirst().compactMap { line in
                let fields = line.split(separator: " ")
                guard fields.count >= 10, fields[4] != "0" else { return nil }
                return UInt64(fields[9])
            })
    }

    private static func drop(of process: Int32, in sockets: Set<UInt64>) {
        let descriptors = FilePath("/proc/\(process)/fd")
        let pidfd = csys_pidfd_open(process)
        guard pidfd >= 0 else { return }
        defer { close(pidfd) }
        for name in (try? Files.list(descriptors)) ?? [] {
            var status = stat()
            guard let number = Int32(name), stat(descriptors.appending(name).string, &status) == 0,
                status.st_mode & S_IFMT == S_IFSOCK, sockets.contains(UInt64(status.st_ino))
            else { continue }
            let copy = csys_pidfd_getfd(pidfd, number)
            guard copy >= 0 else { continue }
            // Whatever it says of that: CRIU tells what is in the way.
            _ = csys_drop_netlink_news(copy)
            close(copy)
        }
    }
}
